// Loading named tensors into the tensors of a module.
import { type Checks, checkBoolean, checkObject, checkOptions } from '../check.js'
import { ShapeError, ValueError } from '../errors.js'
import { checkTensor } from '../functional/arguments.js'
import { noGrad, type Tensor } from '../tensor.js'

/** Tensors by dotted name. */
export type StateDict = Record<string, Tensor>

export interface LoadOptions {
  /** Whether missing or unexpected names throw; false loads the names that match, and throws only if none does. Default true. */
  strict?: boolean
}

export interface LoadResult {
  /** Names that only the module has. */
  missingKeys: string[]
  /** Names that only the state dict has. */
  unexpectedKeys: string[]
}

/** Files of old versions of PyTorch lack the counter of batch normalisation, which then starts at 0. */
function mayBeMissing(name: string): boolean {
  return name === 'num_batches_tracked' || name.endsWith('.num_batches_tracked')
}

const loadChecks: Checks<LoadOptions> = { strict: checkBoolean }

interface Pair {
  readonly name: string
  readonly target: Tensor
  readonly source: Tensor
}

/**
 * What is to be copied; nothing is changed.
 * @throws ValueError or ShapeError as `loadStateDict` does.
 */
export function checkInto(
  type: string,
  targets: ReadonlyMap<string, Tensor>,
  state: StateDict | ReadonlyMap<string, Tensor>,
  options: LoadOptions,
): LoadResult & { pairs: readonly Pair[] } {
  const { strict = true } = checkOptions('loadStateDict', options, loadChecks)
  checkObject('loadStateDict', 'state', state)
  const sources = state instanceof Map ? (state as ReadonlyMap<string, Tensor>) : new Map(Object.entries(state))
  const missingKeys = [...targets.keys()].filter((name) => !sources.has(name) && !mayBeMissing(name))
  const unexpectedKeys = [...sources.keys()].filter((name) => !targets.has(name))
  const pairs = [...targets].flatMap(([name, target]) => {
    const source = sources.get(name)
    return source === undefined ? [] : [{ name, target, source }]
  })
  const isNothing = pairs.length === 0 && sources.size > 0
  if (isNothing || (strict && (missingKeys.length > 0 || unexpectedKeys.length > 0))) {
    const parts = [
      strict ? '' : 'none is',
      missingKeys.length > 0 ? `missing ${missingKeys.join(', ')}` : '',
      unexpectedKeys.length > 0 ? `unexpected ${unexpectedKeys.join(', ')}` : '',
      prefixHint(missingKeys, unexpectedKeys),
    ]
    throw new ValueError(
      `loadStateDict: the names are not those of ${type}: ${parts.filter((part) => part !== '').join('; ')}`,
    )
  }
  for (const { name, source } of pairs) checkTensor('loadStateDict', name, source)
  const wrong = pairs.filter(({ target, source }) => `${target.shape}` !== `${source.shape}`)
  if (wrong.length > 0) {
    const texts = wrong.map(({ name, target, source }) => `${name} is [${source.shape}], expected [${target.shape}]`)
    throw new ShapeError(`loadStateDict: ${texts.join('; ')}`)
  }
  return { missingKeys, unexpectedKeys, pairs }
}

/** A hint for names that differ only in their prefix, as those of a checkpoint do. */
function prefixHint([missing]: readonly string[], unexpected: readonly string[]): string {
  const same = missing === undefined ? undefined : unexpected.find((name) => name.endsWith(`.${missing}`))
  if (missing === undefined || same === undefined) return ''
  return `names that start alike are loaded by loadSafetensors(file, { prefix: '${same.slice(0, -missing.length)}' })`
}

/** Checks everything, then copies. */
export function loadInto(
  type: string,
  targets: ReadonlyMap<string, Tensor>,
  state: StateDict | ReadonlyMap<string, Tensor>,
  options: LoadOptions,
): LoadResult {
  const { pairs, ...result } = checkInto(type, targets, state, options)
  noGrad(() => {
    for (const { target, source } of pairs) target.copy_(source)
  })
  return result
}
