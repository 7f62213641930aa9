// Optimizer: what all of them share: groups of parameters with their options, the state of each parameter, saving and loading.
import { checkObject, listOf, textOf } from '../check.js'
import { ValueError } from '../errors.js'
import { markClass } from '../marks.js'
import { native } from '../native.js'
import { noGrad, Tensor, wrap } from '../tensor.js'
import { keep, tidy } from '../tidy.js'
import { outsideTrace, provideDynamic, type Tracing, tracing } from '../tracing.js'
import { observedBucket, observedOptions } from './observed.js'
import { checkState, type SavedParam } from './state.js'

/** Options that every group of parameters has. */
export interface GroupOptions {
  /** Learning rate: what an update is multiplied by. The default is the optimizer's. */
  lr: number
}

/** Parameters that are trained with the same options; change `lr` and the others at any time. */
export type ParamGroup<Options extends GroupOptions = GroupOptions> = Options & {
  /** The parameters of the group. */
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
  /** Steps so far. */
  step: number
  /** State by name, such as `expAvg`, each of the parameter's shape. */
  tensors: Record<string, Tensor>
}

/** What a checkpoint keeps of an optimizer: tensors, and values that JSON can hold. Parameters are counted through all groups. */
export interface OptimizerState {
  /** Which kind of optimizer it is of (its `kind`); states of older versions do not say. */
  kind?: string
  /** By the parameter's number, counted through all groups from 0. A parameter that was never stepped has none. */
  state: Record<string, ParamState>
  /** The options of each group, and the numbers of its parameters. */
  paramGroups: (Record<string, unknown> & { params: number[] })[]
}

/** Parameters with gradients that can be updated in one call: all on one device, of one type and at the same step. */
export interface Bucket {
  /** The parameters, to be updated in place. */
  readonly params: readonly Tensor[]
  /** The gradient of each parameter, of its shape. */
  readonly grads: readonly Tensor[]
  /** The state of each parameter. */
  readonly states: readonly ParamState[]
  /** The number of this step, from 1. */
  readonly step: number
}

/** A bucket as the base class knows it. */
interface OwnBucket extends Bucket {
  readonly params: Tensor[]
  readonly grads: Tensor[]
  readonly states: ParamState[]
}

/** What the fields of a bucket's ops are computed from, in each run. */
interface Source<Options> {
  readonly options: Options
  readonly step: () => number
}

/** The handles of one kind of state of all parameters of a bucket; empty if the kind is not used. */
export function handlesOf(bucket: Bucket, name: string): number[] {
  return bucket.states.flatMap(({ tensors }) => tensors[name]?.handle ?? [])
}

export function handles(tensors: readonly Tensor[]): number[] {
  return tensors.map((tensor) => tensor.handle)
}

/**
 * Checks that a value is a number in [0, below).
 * @throws ValueError if it is not.
 */
export function checkRange(optimizer: string, name: string, value: number, below = Number.POSITIVE_INFINITY): void {
  if (typeof value !== 'number' || !(value >= 0 && value < below)) {
    const range = below === Number.POSITIVE_INFINITY ? 'a number of at least 0' : `a number in [0, ${below})`
    throw new ValueError(`${optimizer}: ${name} is ${textOf(value)}, expected ${range}`)
  }
}

/**
 * The base of all optimizers, also of your own: give it `check`, `stateNames` and `update`, and it keeps groups, state and checkpoints.
 *
 * `update` runs in every eager step, but only once where the step is compiled, as in a `Trainer`. Numbers that change from step to step reach a
 * compiled step by `this.scalar(bucket, …)`. What `update` reads as plain numbers (`options.lr`, `bucket.step`, fields of its own) is
 * looked at before each run: where one has changed the step is recorded anew, which is right, but slow; a warning says so once.
 *
 * @throws ValueError if there are no parameters, one is not a tensor or is in two groups, or an option is out of range.
 * @see https://docs.pytorch.org/docs/stable/optim.html
 * @example
 * class SignSGD extends optim.Optimizer {
 *   constructor(params: optim.Params<optim.GroupOptions>, { lr = 1e-3 } = {}) {
 *     super(params, { lr })
 *   }
 *   protected override check({ lr }: optim.GroupOptions) {
 *     if (!(lr >= 0)) throw new ValueError(`SignSGD: lr is ${lr}, expected a number of at least 0`)
 *   }
 *   protected override stateNames() {
 *     return []
 *   }
 *   protected override update(_: optim.GroupOptions, bucket: optim.Bucket) {
 *     const lr = this.scalar(bucket, (options) => options.lr)
 *     for (const [i, param] of bucket.params.entries()) param.copy_(param.sub(bucket.grads[i]!.sign().mul(lr)))
 *   }
 * }
 */
export abstract class Optimizer<Options extends GroupOptions = GroupOptions> {
  readonly #groups: ParamGroup<Options>[] = []
  readonly #defaults: Options
  readonly #states = new Map<Tensor, ParamState>()
  readonly #sources = new WeakMap<Bucket, Source<Options>>()

  constructor(params: Params<Options>, defaults: Options) {
    this.#defaults = defaults
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

  /**
   * The name of the class, by which saved states are told apart. Override it in a subclass that takes the states of another.
   */
  get kind(): string {
    return this.constructor.name
  }

  /**
   * Checks the options of a group.
   * @throws ValueError if an option is out of range.
   */
  protected abstract check(options: Options): void

  /** The names of the tensors that a group with these options needs for each parameter; all start as zeros. */
  protected abstract stateNames(options: Options): readonly string[]

  /**
   * Updates the parameters of a bucket in place (`copy_`). It runs without gradients; tensors that it makes are freed when it returns.
   */
  protected abstract update(options: Options, bucket: Bucket): void

  /** The groups. Their options may be changed at any time; `addParamGroup` adds parameters. */
  get paramGroups(): ParamGroup<Options>[] {
    const recording = tracing()
    if (!recording) return this.#groups
    recording.readAll(this)
    return this.#groups.map((group) => observedOptions(group, this.constructor.name, recording))
  }

  /** The options of groups that set none of their own. */
  get defaults(): Options {
    const recording = tracing()
    return recording ? observedOptions(this.#defaults, this.constructor.name, recording) : this.#defaults
  }

  /**
   * A number of the options and of the step's number (from 1), as a scalar tensor beside the parameters: in a compiled step it is computed anew at
   * each run. For use in `update`.
   * @throws ValueError if `value` returns no number, or `bucket` is not the one that `update` was called with.
   * @example const lr = this.scalar(bucket, ({ lr, betas }, step) => lr / (1 - betas[0] ** step))
   */
  protected scalar(bucket: Bucket, value: (options: Options, step: number) => number): Tensor {
    const param = bucket.params[0]!
    const at = (options: Options, step: number): readonly [number] => {
      const number = value(options, step)
      if (typeof number === 'number') return [number]
      throw new ValueError(`${this.constructor.name}: scalar() got ${typeof number}, expected a number`)
    }
    const { options, step } = this.#sourceOf(bucket)
    const scalar = wrap(native.ops.fill(param.device, [], param.dtype, ...at(options, step())))
    this.provide(bucket, at)
    return scalar
  }

  /**
   * Gives the dynamic fields of the op that was called last, at each run of a compiled step.
   * @internal
   */
  protected provide(bucket: Bucket, values: (options: Options, step: number) => readonly number[]): void {
    const { options, step } = this.#sourceOf(bucket)
    provideDynamic({ values: () => values(options, step()) })
  }

  /**
   * The options of a bucket and its step; a compiled step does not depend on what is read of them.
   * @internal
   */
  protected unobserved(bucket: Bucket): { options: Options; step: number } {
    const { options, step } = this.#sourceOf(bucket)
    return { options, step: step() }
  }

  #sourceOf(bucket: Bucket): Source<Options> {
    const source = this.#sources.get(bucket)
    if (source) return source
    throw new ValueError(`${this.constructor.name}: got another bucket, expected the one that update() was called with`)
  }

  /**
   * Adds parameters with options of their own, for instance a layer that was frozen before. Options that are left out have the optimizer's defaults.
   * @throws ValueError if a parameter is in a group already, or an option is out of range.
   * @example optimizer.addParamGroup({ params: net.parameters(), lr: 1e-4 })
   */
  addParamGroup(added: { params: Iterable<Tensor> } & Partial<Options>): void {
    const name = this.constructor.name
    checkObject(name, 'a group', added)
    const { params, ...options } = added
    const known = new Set(this.#groups.flatMap((group) => group.params))
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
    const group = { ...this.#defaults, ...given, params: fresh } as ParamGroup<Options>
    this.check(group)
    this.#groups.push(group)
  }

  /** The learning rate of the first group. Setting it sets that of all groups. */
  get lr(): number {
    return this.paramGroups[0]!.lr
  }
  set lr(lr: number) {
    checkRange(this.constructor.name, 'lr', lr)
    for (const group of this.paramGroups) group.lr = lr
  }

  /**
   * Drops the gradients of all parameters: `param.grad` is null afterwards.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html
   * @example optimizer.zeroGrad()
   */
  zeroGrad(): void {
    for (const { params } of this.paramGroups) {
      for (const param of params) param.grad = null
    }
  }

  /**
   * Updates all parameters that have a gradient. The others, and their state, stay as they are.
   * @throws ValueError if an option is out of range now.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.step.html
   * @example loss.backward(); optimizer.step()
   */
  step(): void {
    const recording = tracing()
    if (recording) this.#observe(recording)
    noGrad(() =>
      tidy(() => {
        for (const group of this.#groups) {
          this.check(group)
          for (const bucket of this.#buckets(group)) {
            if (recording) this.#record(group, bucket, recording)
            else this.#update(group, bucket)
          }
        }
      }),
    )
  }

  #update(group: ParamGroup<Options>, bucket: OwnBucket): void {
    this.#sources.set(bucket, { options: group, step: () => bucket.step })
    this.update(group, bucket)
    for (const state of bucket.states) state.step = bucket.step
  }

  /** A compiled function checks the options, and counts the step, at each of its runs. */
  #record(group: ParamGroup<Options>, bucket: OwnBucket, recording: Tracing): void {
    const { states } = bucket
    const first = states[0]!
    const ahead = recording.count(first) // steps of the same parameters earlier in the same function
    const seen = observedBucket(bucket, ahead, this.constructor.name, recording)
    this.#sources.set(seen, { options: group, step: () => first.step + 1 + ahead })
    recording.observe(states, () => states.every(({ step }) => step === first.step))
    this.update(observedOptions(group, this.constructor.name, recording), seen)
    recording.providers.push({
      values: () => {
        this.check(group)
        return []
      },
      done: () => {
        for (const state of states) state.step++
      },
    })
  }

  /** What a compiled step takes for granted: which parameters there are, and which state they need. */
  #observe(recording: Tracing): void {
    recording.readAll(this)
    recording.observe(this.#groups, () => this.#groups.length)
    for (const group of this.#groups) {
      recording.read(group, 'params')
      const structure = () => {
        const switches = Object.values(group).filter((value) => typeof value === 'boolean')
        return `${this.#groups.indexOf(group)} ${this.stateNames(group)} ${switches}`
      }
      recording.observe(group, structure)
    }
  }

  #buckets(group: ParamGroup<Options>): Iterable<OwnBucket> {
    const names = this.stateNames(group)
    const buckets = new Map<string, OwnBucket>()
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

  /**
   * The options of all groups and the state of all parameters. The tensors are the optimizer's own, not copies.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.state_dict.html
   * @example const { state, paramGroups } = optimizer.stateDict()
   */
  stateDict(): OptimizerState {
    const state: Record<string, ParamState> = {}
    let next = 0
    const paramGroups = this.#groups.map(({ params, ...options }) => {
      const indices = params.map((param) => {
        const index = next++
        const own = this.#states.get(param)
        if (own) state[index] = { step: own.step, tensors: { ...own.tensors } }
        return index
      })
      return { ...options, params: indices }
    })
    return { kind: this.kind, state, paramGroups }
  }

  /**
   * Checks whether `loadStateDict` would take the state. Nothing is changed.
   * @throws ValueError as {@link loadStateDict}.
   * @example optimizer.checkStateDict(other.stateDict())
   */
  checkStateDict(state: OptimizerState): void {
    this.#checked(state)
  }

  #checked(state: OptimizerState): SavedParam[] {
    const check = (options: ParamGroup<Options>) => this.check(options)
    const { kind, defaults } = this
    const groups = this.#groups
    return checkState({ name: this.constructor.name, kind, groups, defaults, check }, state)
  }

  /**
   * Takes over options and state from `stateDict()` of an optimizer of the same kind with the same groups. Tensors are copied. If it throws,
   * nothing has changed.
   * @throws ValueError if the state is of another kind of optimizer, its groups differ in number or size, a tensor's shape is not that of its
   * parameter, or an option or a step is out of range.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.load_state_dict.html
   * @example optimizer.loadStateDict(other.stateDict())
   */
  loadStateDict(state: OptimizerState): void {
    const states = this.#copied(this.#checked(state))
    this.dispose()
    for (const [param, own] of states) this.#states.set(param, own)
    for (const [i, { params: _, ...options }] of state.paramGroups.entries()) {
      Object.assign(this.#groups[i]!, structuredClone(options))
    }
  }

  /** Copies of states in memory beside their parameters; where that fails none is left. */
  #copied(pairs: readonly SavedParam[]): Map<Tensor, ParamState> {
    const copies = new Map<Tensor, ParamState>()
    try {
      for (const { param, saved } of pairs) {
        const own: ParamState = { step: saved.step, tensors: {} }
        copies.set(param, own)
        for (const [key, tensor] of Object.entries(saved.tensors)) {
          own.tensors[key] = noGrad(() => tidy(() => keep(zerosFor(param)).copy_(tensor)))
        }
      }
      return copies
    } catch (error) {
      for (const { tensors } of copies.values()) for (const tensor of Object.values(tensors)) tensor.dispose()
      throw error
    }
  }

  /**
   * Frees the state at once. The parameters stay. Usable afterwards: the state starts anew.
   * @example optimizer.dispose()
   */
  dispose(): void {
    for (const { tensors } of this.#states.values()) {
      for (const tensor of Object.values(tensors)) tensor.dispose()
    }
    this.#states.clear()
  }

  /** For `using`: calls `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose()
  }
}

markClass(Optimizer, 'an optimizer')

function zerosFor(param: Tensor): Tensor {
  return wrap(native.ops.fill(param.device, param.shape, param.dtype, 0))
}
