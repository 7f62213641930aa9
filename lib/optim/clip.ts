// Bounding gradients before a step.
import { atLeastZero, type Checks, checkNumber, checkOptions, listOf } from '../check.js'
import { zeros } from '../creation.js'
import { checkTensor } from '../functional/arguments.js'
import { native } from '../native.js'
import { type Tensor, wrap } from '../tensor.js'
import { tidy } from '../tidy.js'
import { handles } from './optimizer.js'

/** Options of {@link clipGradNorm}. */
export interface ClipGradNormOptions {
  /** The order of the norm, infinity allowed. Default 2. */
  normType?: number
}

const clipChecks: Checks<ClipGradNormOptions> = { normType: checkNumber }

function gradsOf(op: string, params: Iterable<Tensor>): Tensor[] {
  return (listOf(op, 'params', params, 'tensors', checkTensor) as Tensor[]).flatMap((param) => param.grad ?? [])
}

/**
 * Scales the gradients of all parameters together, in place, so that their norm is at most `maxNorm`. Returns the norm that they had, a float32 scalar
 * on their device; 0 without gradients. Parameters without a gradient do not count. Default norm: 2.
 * @throws ValueError if maxNorm is negative or no number.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
 * @see https://arxiv.org/abs/1211.5063
 * @example const norm = optim.clipGradNorm(net.parameters(), 1)
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
 * Clamps every element of the gradients to [−clipValue, clipValue], in place. Parameters without a gradient are passed over.
 * @throws ValueError if clipValue is negative or no number.
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
