// Matrix products.
import { ShapeError } from '../errors.js'
import { native } from '../native.js'
import { type Tensor, wrap } from '../tensor.js'
import { tidy } from '../tidy.js'
import { checkTensor, handleOf, optional, reshaped, shapeText } from './arguments.js'

/**
 * y = x · weightᵀ + bias: x [..., I], weight [O, I], bias [O] → [..., O].
 * @throws ShapeError when the shapes do not fit; DTypeError for integers, bool and two types.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.linear.html
 * @example const y = functional.linear(x, weight, bias)
 */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  return wrap(
    native.ops.linear(
      handleOf('linear', 'x', x),
      handleOf('linear', 'weight', weight),
      optional('linear', 'bias', bias),
    ),
  )
}

/**
 * The matrix product a [..., M, K] · b [..., K, N] → [..., M, N]; leading dimensions broadcast. A vector counts as one row
 * (a) or one column (b), and its dimension is missing in the result.
 * @throws ShapeError when the inner sizes differ or the leading ones do not broadcast; DTypeError for integers, bool and two types.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.matmul.html
 * @example const y = functional.matmul(a, b)
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  checkTensor('matmul', 'a', a)
  checkTensor('matmul', 'b', b)
  if (a.rank !== 1 && b.rank !== 1) return wrap(native.ops.matmul(a.handle, b.handle, false, false))
  return tidy(() => {
    const left = a.rank === 1 ? reshaped(a, [1, a.size]) : a
    const right = b.rank === 1 ? reshaped(b, [b.size, 1]) : b
    const y = wrap(native.ops.matmul(left.handle, right.handle, false, false))
    const shape = [...y.shape]
    if (b.rank === 1) shape.splice(-1, 1)
    if (a.rank === 1) shape.splice(b.rank === 1 ? -1 : -2, 1)
    return reshaped(y, shape)
  })
}

/**
 * The matrix product of each pair: a [B, M, K] · b [B, K, N] → [B, M, N].
 * @throws ShapeError when a or b has not three dimensions, or B or K differ.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.bmm.html
 * @example const y = functional.bmm(a, b)
 */
export function bmm(a: Tensor, b: Tensor): Tensor {
  checkTensor('bmm', 'a', a)
  checkTensor('bmm', 'b', b)
  if (a.rank !== 3 || b.rank !== 3 || a.shape[0] !== b.shape[0]) {
    throw new ShapeError(
      `bmm: a is ${shapeText(a.shape)} and b is ${shapeText(b.shape)}, expected [B, M, K] and [B, K, N]`,
    )
  }
  return wrap(native.ops.matmul(a.handle, b.handle, false, false))
}
