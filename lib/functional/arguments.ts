// What every family needs to turn a caller's arguments into an op's: lists of sizes, axes, handles of optional tensors.

import type { DType } from '../../types/dtype.js'
import type { Dim, Size } from '../../types/tensor.js'
import { checkNumbers, textOf } from '../check.js'
import { ShapeError, ValueError } from '../errors.js'
import { native } from '../native.js'
import { Tensor, wrap, wrapAll } from '../tensor.js'
import { tidy } from '../tidy.js'

export type { Dim, ReductionName, Size } from '../../types/tensor.js'
export { checkList, checkNumber, oneOf, textOf } from '../check.js'

/** `[N, C, …]` or `[]`, for messages. */
export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}

/** Refuses what is no tensor (a caller without types). */
export function checkTensor(op: string, name: string, value: unknown): asserts value is Tensor {
  if (!(value instanceof Tensor)) throw new ValueError(`${op}: ${name} is ${textOf(value)}, expected a tensor`)
}

/** A tensor, or null for none. */
export function tensorOrNull(op: string, name: string, value: unknown): void {
  if (value !== null) checkTensor(op, name, value)
}

/** The handle of a tensor. */
export function handleOf(op: string, name: string, value: Tensor): number {
  checkTensor(op, name, value)
  return value.handle
}

/** The handle of a tensor that may be absent. */
export function optional(op: string, name: string, value: Tensor | null | undefined): number {
  return value === null || value === undefined ? 0 : handleOf(op, name, value)
}

/** One number for each of `count` spatial dimensions: a number, or a list of one, stands for all of them. */
export function sizes(op: string, option: string, value: Size, count: number): readonly number[] {
  if (typeof value === 'number') return new Array<number>(count).fill(value)
  if (!Array.isArray(value) || (value.length !== 1 && value.length !== count)) {
    throw new ValueError(`${op}: ${option} is ${textOf(value)}, expected a number or a list of ${count}`)
  }
  checkNumbers(op, option, value)
  return value.length === 1 ? new Array<number>(count).fill(value[0]) : value
}

/**
 * A dimension of x counted from the start. Checked here: a negative axis that is out of range could turn into another one.
 * `extra` is 1 where x is about to get another dimension.
 */
export function axis(op: string, dim: number, x: Tensor, extra = 0): number {
  const size = Math.max(x.rank + extra, 1)
  if (!Number.isInteger(dim) || dim < -size || dim >= size) {
    throw new ValueError(
      `${op}: dim is ${textOf(dim)}, expected a whole number in [${-size}, ${size - 1}] for ${shapeText(x.shape)}`,
    )
  }
  return dim < 0 ? dim + size : dim
}

/** The axes of a reduction; without `dim` all of them (an empty list). */
export function axesOf(op: string, dim: Dim | undefined, x: Tensor): number[] {
  checkTensor(op, 'x', x)
  if (dim === undefined) return []
  const axes = (Array.isArray(dim) ? dim : [dim as number]).map((each: number) => axis(op, each, x))
  // A scalar has no axis, but PyTorch lets it be reduced along dimension 0.
  return x.rank === 0 ? [] : axes
}

/** Wraps an op's first output and lets go of the others, which only its gradient reads. */
export function first<D extends DType>(handles: readonly number[]): Tensor<D> {
  const [y, ...rest] = wrapAll(handles.filter((handle) => handle !== 0))
  for (const tensor of rest) tensor.dispose()
  return y! as Tensor<D>
}

/** A constant of no dimensions that matches `like` in device, and in type unless another is given. */
export function scalarLike(like: Tensor, value: number, dtype: DType = like.dtype): Tensor {
  return wrap(native.ops.fill(like.device, [], dtype, value))
}

/** Runs `fn` on a batch: an unbatched x gets a first dimension of size 1, which every result loses again. */
export function batched<T extends Tensor | [Tensor, Tensor]>(
  op: string,
  x: Tensor,
  spatial: number,
  fn: (x: Tensor) => T,
): T {
  checkTensor(op, 'x', x)
  if (x.rank === spatial + 2) return fn(x)
  if (x.rank !== spatial + 1) {
    throw new ShapeError(
      `${op}: x is ${shapeText(x.shape)}, expected ${spatial + 2} dimensions [N, C, …] or ${spatial + 1} without a batch`,
    )
  }
  return tidy(() => {
    const y = fn(reshaped(x, [1, ...x.shape]))
    const squeeze = (each: Tensor) => reshaped(each, each.shape.slice(1))
    return (Array.isArray(y) ? y.map(squeeze) : squeeze(y)) as T
  })
}

/** The same elements in another shape, whose sizes are all known. */
export function reshaped<D extends DType>(x: Tensor<D>, shape: readonly number[]): Tensor<D> {
  return wrap(native.ops.reshape(x.handle, shape))
}
