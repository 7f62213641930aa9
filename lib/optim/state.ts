// What a saved state must be before an optimizer takes over any of it.
import { checkObject } from '../check.js'
import { ValueError } from '../errors.js'
import { Tensor } from '../tensor.js'
import type { GroupOptions, OptimizerState, ParamGroup, ParamState } from './optimizer.js'

/** What a state is checked against. */
export interface Expected<Options extends GroupOptions> {
  /** The optimizer's name in messages. */
  readonly name: string
  readonly kind: string
  readonly groups: readonly ParamGroup<Options>[]
  readonly defaults: Options
  readonly check: (options: ParamGroup<Options>) => void
}

/** A parameter and what is to be its state. */
export interface SavedParam {
  readonly param: Tensor
  readonly saved: ParamState
}

/**
 * Checks a saved state. Returns the parameters that have one, with it.
 * @throws ValueError if it is of another kind of optimizer, of other groups or shapes, or a value is out of range.
 */
export function checkState<Options extends GroupOptions>(
  expected: Expected<Options>,
  given: OptimizerState,
): SavedParam[] {
  const fail = (message: string): never => {
    throw new ValueError(`${expected.name}: ${message}`)
  }
  checkObject(expected.name, 'the state', given)
  const { kind, state, paramGroups } = given
  if (kind !== undefined && kind !== expected.kind) {
    fail(`the state is one of ${String(kind)}, expected one of ${expected.kind}`)
  }
  if (!Array.isArray(paramGroups) || !paramGroups.every((group) => Array.isArray(group?.params)) || !isObject(state)) {
    fail('the state lacks parts, expected state and paramGroups')
  }
  const lengths = (groups: readonly { params: readonly unknown[] }[]) =>
    groups.map(({ params }) => params.length).join(', ')
  if (lengths(paramGroups) !== lengths(expected.groups)) {
    fail(`the state has groups of ${lengths(paramGroups)} parameters, expected ${lengths(expected.groups)}`)
  }
  for (const [i, { params: _, ...options }] of paramGroups.entries()) checkOptions(expected, i, options, fail)
  const byIndex = new Map<string, Tensor>()
  const params = expected.groups.flatMap((group) => group.params)
  for (const [i, index] of paramGroups.flatMap((group) => group.params).entries()) {
    if (!isCount(index) || byIndex.has(`${index}`))
      fail(`a parameter has the number ${show(index)}, expected one for each`)
    byIndex.set(`${index}`, params[i]!)
  }
  return Object.entries(state).map(([index, saved]) => {
    const param =
      byIndex.get(index) ?? fail(`the state is of a parameter ${show(index)}, expected 0 to ${params.length - 1}`)
    checkParamState(index, param, saved, fail)
    return { param, saved }
  })
}

type Fail = (message: string) => never

function checkOptions<Options extends GroupOptions>(
  { kind, groups, defaults, check }: Expected<Options>,
  i: number,
  options: Record<string, unknown>,
  fail: Fail,
): void {
  const group = groups[i]!
  const models: Record<string, unknown> = Object.fromEntries(Object.entries({ initialLr: 0, ...group, ...defaults }))
  for (const [key, value] of Object.entries(options)) {
    if (key === 'params' || !Object.hasOwn(models, key))
      fail(`group ${i} has an option ${show(key)}, which ${kind} has not`)
    if (!isLike(value, models[key]))
      fail(`group ${i} has ${key} ${show(value)}, expected one like ${show(models[key])}`)
  }
  for (const [key, value] of Object.entries(defaults)) {
    if (value !== undefined && !Object.hasOwn(options, key)) fail(`group ${i} lacks ${key}, an option of ${kind}`)
  }
  if (typeof options.initialLr === 'number' && options.initialLr < 0) {
    fail(`group ${i} has initialLr ${options.initialLr}, expected a number of at least 0`)
  }
  check({ ...group, ...options })
}

function checkParamState(index: string, param: Tensor, saved: ParamState, fail: Fail): void {
  if (!isObject(saved) || !isObject(saved.tensors)) fail(`the state of parameter ${index} lacks step or tensors`)
  if (!isCount(saved.step)) fail(`parameter ${index} has the step ${show(saved.step)}, expected an integer from 0 on`)
  for (const [key, tensor] of Object.entries(saved.tensors)) {
    if (!(tensor instanceof Tensor)) fail(`${key} of parameter ${index} is ${show(tensor)}, expected a Tensor`)
    if (`${tensor.shape}` !== `${param.shape}`) {
      fail(`${key} is [${tensor.shape}], expected [${param.shape}], the shape of its parameter`)
    }
    if (!isFloating(tensor)) fail(`${key} of parameter ${index} is ${tensor.dtype}, expected a floating type`)
  }
}

export function isFloating({ dtype }: Pick<Tensor, 'dtype'>): boolean {
  return dtype !== 'int32' && dtype !== 'uint8' && dtype !== 'bool'
}

/** Whether an option can take the place of another: the same type, numbers finite, lists as long. */
function isLike(value: unknown, model: unknown): boolean {
  if (model === null || model === undefined) return true
  if (typeof model === 'number') {
    return typeof value === 'number' && (Number.isFinite(value) || !Number.isFinite(model))
  }
  if (!Array.isArray(model)) return typeof value === typeof model && (value === null) === (model === null)
  return Array.isArray(value) && value.length === model.length && value.every((item, i) => isLike(item, model[i]))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}
