// Loading named tensors into the tensors of a module.
import { type Checks, checkBoolean, checkObject, checkOptions } from '../check.js'
import { ShapeError, ValueError } from '../errors.js'
import { checkTensor } from '../functional/arguments.js'
import { noGrad, type Tensor } from '../tensor.js'

/** Tensors by dotted name. */
export type StateDict = Record<string, Tensor>

export interface LoadOptions {
  /** Throw when names are missing or unexpected. Default true. */
  strict?: boolean
}

export interface LoadResult {
  /** Names that the module has and the state dict has not. */
  missingKeys: string[]
  /** Names that the state dict has and the module has not. */
  unexpectedKeys: string[]
}

/** Files of old versions of PyTorch lack the counter of batch normalisation, which then starts at 0. */
function mayBeMissing(name: string): boolean {
  return name === 'num_batches_tracked' || name.endsWith('.num_batches_tracked')
}

const loadChecks: Checks<LoadOptions> = { strict: checkBoolean }

/** Checks everything, then copies. */
export function loadInto(
  type: string,
  targets: ReadonlyMap<string, Tensor>,
  state: StateDict | ReadonlyMap<string, Tensor>,
  options: LoadOptions,
): LoadResult {
  const { strict = true } = checkOptions('loadStateDict', options, loadChecks)
  checkObject('loadStateDict', 'state', state)
  const sources = state instanceof Map ? (state as ReadonlyMap<string, Tensor>) : new Map(Object.entries(state))
  const missingKeys = [...targets.keys()].filter((name) => !sources.has(name) && !mayBeMissing(name))
  const unexpectedKeys = [...sources.keys()].filter((name) => !targets.has(name))
  if (strict && (missingKeys.length > 0 || unexpectedKeys.length > 0)) {
    const parts = [
      missingKeys.length > 0 ? `missing ${missingKeys.join(', ')}` : '',
      unexpectedKeys.length > 0 ? `unexpected ${unexpectedKeys.join(', ')}` : '',
    ]
    throw new ValueError(
      `loadStateDict: the names are not those of ${type}: ${parts.filter((part) => part !== '').join('; ')}`,
    )
  }
  const pairs = [...targets].flatMap(([name, target]) => {
    const source = sources.get(name)
    if (source !== undefined) checkTensor('loadStateDict', name, source)
    return source ? [{ name, target, source }] : []
  })
  const wrong = pairs.filter(({ target, source }) => `${target.shape}` !== `${source.shape}`)
  if (wrong.length > 0) {
    const texts = wrong.map(({ name, target, source }) => `${name} is [${source.shape}], expected [${target.shape}]`)
    throw new ShapeError(`loadStateDict: ${texts.join('; ')}`)
  }
  noGrad(() => {
    for (const { target, source } of pairs) target.copy_(source)
  })
  return { missingKeys, unexpectedKeys }
}
