// Bounding gradients before a step.
import { atLeastZero, type Checks, checkNumber, checkOptions, listOf } from '../check.js'
import { zeros } from '../creation.js'
import { checkTensor } from '../functional/arguments.js'
import { native } from '../native.js'
import { type Tensor, wrap } from '../tensor.js'
import { tidy } from '../tidy.js'
import { handles } from './optimizer.js'

export interface ClipGradNormOptions {
  /** The order of the norm, infinity allowed. Default 2. */
  normType?: number
}

const clipChecks: Checks<ClipGradNormOptions> = { normType: checkNumber }

function gradsOf(op: string, params: Iterable<Tensor>): Tensor[] {
  return (listOf(op, 'params', params, 'tensors', checkTensor) as Tensor[]).flatMap((param) => param.grad ?? [])
}

/**
 * Scales the gradients of all parameters together so that their norm is at most maxNorm (in place), and returns the norm that they
 * had, a scalar. Parameters without a gradient don't count. `normType` is the order of the norm, infinity allowed; default 2.
 * @throws ValueError for a negative maxNorm.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
 * @example optim.clipGradNorm(net.parameters(), 1)
 */
export function clipGradNorm(params: Iterable<Tensor>, maxNorm: number, options: ClipGradNormOptions = {}): Tensor {
  atLeastZero('clipGradNorm', 'maxNorm', maxNorm)
  const { normType = 2 } = checkOptions('clipGradNorm', options, clipChecks)
  return tidy(() => {
    const grads = gradsOf('clipGradNorm', params)
    return grads.length === 0 ? zeros([]) : wrap(native.ops.clipGradNorm(handles(grads), maxNorm, normType))
  })
}

/**
 * Holds every element of the gradients between −clipValue and clipValue (in place).
 * @throws ValueError for a negative clipValue.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_value_.html
 * @example optim.clipGradValue(net.parameters(), 0.5)
 */
export function clipGradValue(params: Iterable<Tensor>, clipValue: number): void {
  atLeastZero('clipGradValue', 'clipValue', clipValue)
  tidy(() => {
    const grads = gradsOf('clipGradValue', params)
    if (grads.length > 0) native.ops.clipGradValue(handles(grads), clipValue)
  })
}
