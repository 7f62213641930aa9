// Reading at positions that are data themselves (int32 tensors).
import type { DType } from '../../types/dtype.js'
import { native } from '../native.js'
import { type Tensor, wrap } from '../tensor.js'
import { axis, handleOf } from './arguments.js'

/**
 * int32 [...] → int32 [..., numClasses], 1 at the class and 0 elsewhere.
 * @throws ValueError (when read) for a class outside [0, numClasses).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.one_hot.html
 * @example const y = functional.oneHot(labels, 10)
 */
export function oneHot(x: Tensor, numClasses: number): Tensor<'int32'> {
  return wrap(native.ops.oneHot(handleOf('oneHot', 'x', x), numClasses))
}

/**
 * The elements of x whose position along `dim` is given by `index` (int32); the result has the shape of index.
 * @throws DTypeError when index is not int32; ShapeError when it does not fit x; ValueError when x has no such dimension, and (when read) for a position outside of it.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.gather.html
 * @example const picked = functional.gather(logp, 1, labels)
 */
export function gather<D extends DType>(x: Tensor<D>, dim: number, index: Tensor): Tensor<D> {
  return wrap(native.ops.gather(handleOf('gather', 'x', x), handleOf('gather', 'index', index), axis('gather', dim, x)))
}

/**
 * The slices of x at the positions `index` (int32 [K]) of `dim`.
 * @throws DTypeError when index is not int32; ShapeError when it is no list; ValueError when x has no such dimension, and (when read) for a position outside of it.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.index_select.html
 * @example const batch = functional.indexSelect(images, 0, chosen)
 */
export function indexSelect<D extends DType>(x: Tensor<D>, dim: number, index: Tensor): Tensor<D> {
  return wrap(
    native.ops.indexSelect(
      handleOf('indexSelect', 'x', x),
      handleOf('indexSelect', 'index', index),
      axis('indexSelect', dim, x),
    ),
  )
}
