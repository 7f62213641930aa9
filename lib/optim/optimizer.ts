// Optimizer: what all of them share: groups of parameters with their options, the state of each parameter, saving and loading.
import { checkFinite, checkList, checkObject, listOf, textOf } from '../check.js'
import { ValueError } from '../errors.js'
import { native } from '../native.js'
import { noGrad, Tensor } from '../tensor.js'
import { keep, tidy } from '../tidy.js'
import { outsideTrace, provideDynamic, tracing } from '../tracing.js'

/** Options that every group of parameters has. */
export interface GroupOptions {
  /** Learning rate. */
  lr: number
}

/** Parameters that are trained with the same options; change `lr` and the others at any time. */
export type ParamGroup<Options extends GroupOptions = GroupOptions> = Options & {
  params: Tensor[]
  /** The learning rate that schedulers start from. */
  initialLr?: number
}

/** Parameters, or groups of parameters whose options differ from those of the optimizer. */
export type Params<Options extends GroupOptions> =
  | Iterable<Tensor>
  | Iterable<{ params: Iterable<Tensor> } & Partial<Options>>

/** What an optimizer remembers of a parameter: how often it was stepped, and tensors of its shape. */
export interface ParamState {
  step: number
  tensors: Record<string, Tensor>
}

/** What a checkpoint keeps of an optimizer: tensors, and values that JSON can hold. Parameters are counted through all groups. */
export interface OptimizerState {
  state: Record<string, ParamState>
  paramGroups: (Record<string, unknown> & { params: number[] })[]
}

/** Parameters with gradients that can be updated in one call: all on one device, of one type and at the same step. */
export interface Bucket {
  params: Tensor[]
  grads: Tensor[]
  states: ParamState[]
  /** The number of this step, from 1. */
  step: number
}

/** The handles of one kind of state of all parameters of a bucket; none where it is not used. */
export function handlesOf(bucket: Bucket, name: string): number[] {
  return bucket.states.flatMap(({ tensors }) => tensors[name]?.handle ?? [])
}

export function handles(tensors: readonly Tensor[]): number[] {
  return tensors.map((tensor) => tensor.handle)
}

/** Refuses what is not a number in [0, below). */
export function checkRange(optimizer: string, name: string, value: number, below = Number.POSITIVE_INFINITY): void {
  if (typeof value !== 'number' || !(value >= 0 && value < below)) {
    const range = below === Number.POSITIVE_INFINITY ? 'a number of at least 0' : `a number in [0, ${below})`
    throw new ValueError(`${optimizer}: ${name} is ${textOf(value)}, expected ${range}`)
  }
}

/** Refuses what is no state of an optimizer; whether it is one of these parameters is seen later. */
function checkState(name: string, saved: OptimizerState): OptimizerState {
  const op = `${name}.loadStateDict`
  checkObject(op, 'the state', saved)
  const { state, paramGroups } = saved
  checkObject(op, 'state', state)
  checkList(op, 'paramGroups', paramGroups, 'groups')
  for (const [i, group] of paramGroups.entries()) {
    checkObject(op, `paramGroups[${i}]`, group)
    checkList(op, `paramGroups[${i}].params`, group.params)
  }
  for (const [index, own] of Object.entries(state)) {
    checkObject(op, `state[${index}]`, own)
    checkFinite(op, `state[${index}].step`, own.step)
    checkObject(op, `state[${index}].tensors`, own.tensors)
    for (const [key, tensor] of Object.entries(own.tensors)) {
      if (!(tensor instanceof Tensor)) {
        throw new ValueError(`${op}: state[${index}].${key} is ${textOf(tensor)}, expected a tensor`)
      }
    }
  }
  return saved
}

export abstract class Optimizer<Options extends GroupOptions = GroupOptions> {
  readonly paramGroups: ParamGroup<Options>[] = []
  /** The options of groups that say nothing else. */
  readonly defaults: Options
  readonly #states = new Map<Tensor, ParamState>()

  constructor(params: Params<Options>, defaults: Options) {
    this.defaults = defaults
    if ((new.target as unknown) === Optimizer)
      throw new ValueError('Optimizer: got no subclass, expected one with update()')
    checkObject(new.target.name, 'options', defaults)
    const list = listOf(new.target.name, 'params', params, 'parameters, or of groups { params, … }') as (
      | Tensor
      | ({ params: Iterable<Tensor> } & Partial<Options>)
    )[]
    if (list.length === 0) throw new ValueError(`${new.target.name}: got no parameters`)
    if (list.every((item) => item instanceof Tensor)) {
      this.addParamGroup({ params: list } as unknown as { params: Tensor[] } & Partial<Options>)
      return
    }
    for (const group of list) {
      if (group instanceof Tensor || typeof group?.params?.[Symbol.iterator] !== 'function') {
        throw new ValueError(`${new.target.name}: got ${textOf(group)}, expected parameters, or groups { params, … }`)
      }
      this.addParamGroup(group)
    }
  }

  /** Throws ValueError for options that make no sense. */
  protected abstract check(options: Options): void

  /** The names of the tensors that a group with these options needs for each parameter; all start as zeros. */
  protected abstract stateNames(options: Options): readonly string[]

  /** Updates the parameters of a bucket in place, in one call. */
  protected abstract update(options: Options, bucket: Bucket): void

  /** The dynamic fields of the op that `update` calls, at step `step`: what may change from step to step. */
  protected abstract dynamicFields(options: Options, step: number): readonly number[]

  /**
   * Adds parameters with options of their own, for instance a layer that was frozen before.
   * @throws ValueError when a parameter is trained already.
   */
  addParamGroup(added: { params: Iterable<Tensor> } & Partial<Options>): void {
    const name = this.constructor.name
    checkObject(name, 'a group', added)
    const { params, ...options } = added
    const known = new Set(this.paramGroups.flatMap((group) => group.params))
    const fresh: Tensor[] = []
    for (const param of listOf(name, 'params', params, 'parameters')) {
      if (!(param instanceof Tensor))
        throw new ValueError(`${name}: a parameter is ${textOf(param)}, expected a Tensor`)
      if (known.has(param)) throw new ValueError(`${name}: a parameter is there twice (${param})`)
      known.add(param)
      fresh.push(param)
    }
    // An option that is there but undefined means the default, as everywhere.
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
    const group = { ...this.defaults, ...given, params: fresh } as ParamGroup<Options>
    this.check(group)
    this.paramGroups.push(group)
  }

  /** The learning rate of the first group; setting it sets that of all groups. */
  get lr(): number {
    return this.paramGroups[0]!.lr
  }
  set lr(lr: number) {
    checkRange(this.constructor.name, 'lr', lr)
    for (const group of this.paramGroups) group.lr = lr
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const { params } of this.paramGroups) {
      for (const param of params) param.grad = null
    }
  }

  /** Updates all parameters that have a gradient; the others, and their state, stay as they are. */
  step(): void {
    noGrad(() =>
      tidy(() => {
        for (const group of this.paramGroups) {
          this.check(group)
          for (const bucket of this.#buckets(group)) {
            this.update(group, bucket)
            if (tracing()) this.#provide(group, bucket)
            else for (const state of bucket.states) state.step = bucket.step
          }
        }
      }),
    )
  }

  /** A compiled function asks for the fields, and counts the step, at each of its runs. */
  #provide(group: ParamGroup<Options>, { states }: Bucket): void {
    const first = states[0]!
    const ahead = tracing()!.count(first) // steps of the same parameters earlier in the same function
    const next = (): number => first.step + 1 + ahead
    tracing()?.observe(group, () => this.#structure())
    tracing()?.observe(states, () => states.every(({ step }) => step === first.step))
    provideDynamic({
      values: () => {
        this.check(group)
        return this.dynamicFields(group, next())
      },
      done: () => {
        for (const state of states) state.step++
      },
    })
  }

  /** What a compiled step takes for granted: which parameters there are, and which state they need. */
  #structure(): string {
    const groups = this.paramGroups.map((group) => [
      group.params.length,
      this.stateNames(group),
      Object.values(group).filter((value) => typeof value === 'boolean'),
    ])
    return JSON.stringify(groups)
  }

  #buckets(group: ParamGroup<Options>): Iterable<Bucket> {
    const names = this.stateNames(group)
    const buckets = new Map<string, Bucket>()
    for (const param of group.params) {
      const grad = param.grad
      if (!grad) continue
      const state = this.#stateOf(param, names)
      const key = `${param.device} ${param.dtype} ${state.step}`
      let bucket = buckets.get(key)
      if (!bucket) {
        bucket = { params: [], grads: [], states: [], step: state.step + 1 }
        buckets.set(key, bucket)
      }
      bucket.params.push(param)
      bucket.grads.push(grad)
      bucket.states.push(state)
    }
    return buckets.values()
  }

  #stateOf(param: Tensor, names: readonly string[]): ParamState {
    let state = this.#states.get(param)
    if (!state) {
      state = { step: 0, tensors: {} }
      this.#states.set(param, state)
    }
    for (const name of names) state.tensors[name] ??= outsideTrace(() => keep(zerosFor(param)))
    return state
  }

  /** The options of all groups and the state of all parameters; the tensors are the optimizer's own, not copies. */
  stateDict(): OptimizerState {
    const state: Record<string, ParamState> = {}
    let next = 0
    const paramGroups = this.paramGroups.map(({ params, ...options }) => {
      const indices = params.map((param) => {
        const index = next++
        const own = this.#states.get(param)
        if (own) state[index] = { step: own.step, tensors: { ...own.tensors } }
        return index
      })
      return { ...options, params: indices }
    })
    return { state, paramGroups }
  }

  /**
   * Takes over options and state (copies of the tensors) from `stateDict()` of an optimizer with the same groups. Nothing is changed
   * where it throws.
   * @throws ValueError when the groups differ in number or size, or a tensor's shape is not that of its parameter.
   */
  loadStateDict(saved: OptimizerState): void {
    const name = this.constructor.name
    const { state, paramGroups } = checkState(name, saved)
    const lengths = (groups: readonly { params: readonly unknown[] }[]) =>
      groups.map(({ params }) => params.length).join(', ')
    if (lengths(paramGroups) !== lengths(this.paramGroups)) {
      throw new ValueError(
        `${name}: the state has groups of ${lengths(paramGroups)} parameters, expected ${lengths(this.paramGroups)}`,
      )
    }
    const params = this.paramGroups.flatMap((group) => group.params)
    const indices = paramGroups.flatMap((group) => group.params)
    const pairs = params.flatMap((param, i) => {
      const saved = state[`${indices[i]}`]
      return saved ? [{ param, saved }] : []
    })
    for (const { param, saved } of pairs) {
      for (const [key, tensor] of Object.entries(saved.tensors)) {
        if (`${tensor.shape}` !== `${param.shape}`) {
          throw new ValueError(
            `${name}: ${key} is [${tensor.shape}], expected [${param.shape}], the shape of its parameter`,
          )
        }
      }
    }
    for (const { tensors } of this.#states.values()) {
      for (const tensor of Object.values(tensors)) tensor.dispose()
    }
    this.#states.clear()
    noGrad(() =>
      tidy(() => {
        for (const { param, saved } of pairs) {
          const { tensors } = this.#stateOf(param, Object.keys(saved.tensors))
          for (const [key, tensor] of Object.entries(saved.tensors)) tensors[key]!.copy_(tensor)
          this.#states.get(param)!.step = saved.step
        }
      }),
    )
    for (const [i, { params: _, ...options }] of paramGroups.entries()) Object.assign(this.paramGroups[i]!, options)
  }

  /** Frees the state now (not the parameters). */
  dispose(): void {
    for (const { tensors } of this.#states.values()) {
      for (const tensor of Object.values(tensors)) tensor.dispose()
    }
    this.#states.clear()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

function zerosFor(param: Tensor): Tensor {
  return new Tensor(native.ops.fill(param.device, param.shape, param.dtype, 0))
}
