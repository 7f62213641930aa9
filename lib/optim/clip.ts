// Bounding gradients before a step.
import { zeros } from '../creation.js'
import { ValueError } from '../errors.js'
import { native } from '../native.js'
import { type Tensor, wrap } from '../tensor.js'
import { tidy } from '../tidy.js'
import { handles } from './optimizer.js'

function gradsOf(params: Iterable<Tensor>): Tensor[] {
  return [...params].flatMap((param) => param.grad ?? [])
}

/**
 * Scales the gradients of all parameters together so that their norm is at most maxNorm (in place), and returns the norm that they
 * had, a scalar. Parameters without a gradient don't count. `normType` is the order of the norm, infinity allowed; default 2.
 * @throws ValueError for a negative maxNorm.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
 * @example optim.clipGradNorm(net.parameters(), 1)
 */
export function clipGradNorm(
  params: Iterable<Tensor>,
  maxNorm: number,
  { normType = 2 }: { normType?: number } = {},
): Tensor {
  if (!(maxNorm >= 0)) throw new ValueError(`clipGradNorm: maxNorm is ${maxNorm}, expected a number of at least 0`)
  return tidy(() => {
    const grads = gradsOf(params)
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
  if (!(clipValue >= 0))
    throw new ValueError(`clipGradValue: clipValue is ${clipValue}, expected a number of at least 0`)
  tidy(() => {
    const grads = gradsOf(params)
    if (grads.length > 0) native.ops.clipGradValue(handles(grads), clipValue)
  })
}
