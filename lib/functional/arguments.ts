// What every family needs to turn a caller's arguments into an op's: lists of sizes, axes, handles of optional tensors.

import type { DType } from '../../types/dtype.js'
import { ShapeError, ValueError } from '../errors.js'
import { native } from '../native.js'
import { type Tensor, wrap, wrapAll } from '../tensor.js'
import { tidy } from '../tidy.js'

/** One number for every spatial dimension, or one number each. */
export type Size = number | readonly number[]

/** Where a reduction or a softmax works: one dimension or several; negative ones count from the end. */
export type Dim = number | readonly number[]

/** What becomes of the losses of all elements. */
export type ReductionName = 'none' | 'mean' | 'sum'

/** `[N, C, …]` or `[]`, for messages. */
export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}

/** A number, or a list of one, stands for all spatial dimensions. */
export function sizes(value: Size, rank: number): readonly number[] {
  if (typeof value === 'number') return new Array<number>(rank).fill(value)
  return value.length === 1 ? new Array<number>(rank).fill(value[0]!) : value
}

/** `dim` counted from the start. Checked here: a negative axis that is out of range could turn into another one. */
export function axis(op: string, dim: number, rank: number): number {
  const size = Math.max(rank, 1)
  if (!Number.isInteger(dim) || dim < -size || dim >= size) {
    throw new ValueError(
      `${op}: dim ${dim} is not an integer in [${-size}, ${size - 1}] (the tensor has ${rank} dimensions)`,
    )
  }
  return dim < 0 ? dim + size : dim
}

/** The axes of a reduction; without `dim` all of them (an empty list). */
export function axesOf(op: string, dim: Dim | undefined, rank: number): number[] {
  if (dim === undefined) return []
  const dims = typeof dim === 'number' ? [dim] : dim
  // A scalar has no axis, but PyTorch lets it be reduced along dimension 0.
  if (rank === 0) {
    for (const each of dims) axis(op, each, rank)
    return []
  }
  return dims.map((each) => axis(op, each, rank))
}

/** The handle of a tensor that may be absent. */
export function optional(tensor: Tensor | null | undefined): number {
  return tensor ? tensor.handle : 0
}

/** Wraps an op's first output and lets go of the others, which only its gradient reads. */
export function first(handles: readonly number[]): Tensor {
  const [y, ...rest] = wrapAll(handles.filter((handle) => handle !== 0))
  for (const tensor of rest) tensor.dispose()
  return y!
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
export function reshaped(x: Tensor, shape: readonly number[]): Tensor {
  return wrap(native.ops.reshape(x.handle, shape))
}

/** Refuses what is none of the allowed names (a caller without types). */
export function oneOf<T extends string>(op: string, option: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) {
    throw new ValueError(`${op}: ${option} is ${JSON.stringify(value)}, expected one of ${allowed.join(', ')}`)
  }
  return value
}
