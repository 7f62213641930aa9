// Dropout: each call takes the next number of the session's counter, so a seed gives the same masks on every device.
import type { DType } from '../../types/dtype.js'
import { type Checks, checkBoolean, checkOptions, probability } from '../check.js'
import { native } from '../native.js'
import { type Tensor, wrap } from '../tensor.js'
import { checkTensor } from './arguments.js'

export interface DropoutOptions {
  /** The probability of an element to become 0, in [0, 1]. Default 0.5. */
  p?: number
  /** Default true. */
  training?: boolean
}

const dropoutChecks: Checks<DropoutOptions> = { p: probability, training: checkBoolean }

function drop<D extends DType>(x: Tensor<D>, channelwise: boolean, options: DropoutOptions): Tensor<D> {
  const { p = 0.5, training = true } = checkOptions('dropout', options, dropoutChecks)
  checkTensor('dropout', 'x', x)
  if (!training || p === 0) return x
  return wrap(native.ops.dropout(x.handle, channelwise, p, native.seed(), native.nextOffset()))
}

/**
 * Sets elements to 0 with probability p and multiplies the others by 1 / (1 − p). Not training: x itself. Any shape.
 * @throws ValueError when p is not in [0, 1].
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html
 * @example const y = functional.dropout(x, { p: 0.2 })
 */
export function dropout<D extends DType>(x: Tensor<D>, options: DropoutOptions = {}): Tensor<D> {
  return drop(x, false, options)
}

/**
 * As dropout, but whole planes [n, c] of x [N, C, spatial…] become 0.
 * @throws ValueError when p is not in [0, 1].
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.dropout2d.html
 * @example const y = functional.dropout2d(x, { p: 0.2 })
 */
export function dropout2d<D extends DType>(x: Tensor<D>, options: DropoutOptions = {}): Tensor<D> {
  return drop(x, true, options)
}
