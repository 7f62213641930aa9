// Functions that only move elements: other shapes, parts, joins, padding.

import type { DType } from '../../types/dtype.js'
import type { PadMode } from '../../types/native.js'
import {
  among,
  type Checks,
  checkInteger,
  checkNumber,
  checkNumbers,
  checkOptions,
  checkSizeOrSizes,
} from '../check.js'
import { ShapeError, ValueError } from '../errors.js'
import { native } from '../native.js'
import { type Tensor, wrap } from '../tensor.js'
import { tidy } from '../tidy.js'
import { axis, checkList, checkTensor, reshaped, shapeText } from './arguments.js'

/**
 * The same elements (and memory) in another shape; one size may be −1 and follows from the others.
 * @throws ShapeError when the number of elements differs.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.reshape.html
 * @example const y = functional.reshape(x, [2, -1])
 */
export function reshape<D extends DType>(x: Tensor<D>, shape: readonly number[]): Tensor<D> {
  checkTensor('reshape', 'x', x)
  checkNumbers('reshape', 'shape', shape)
  const unknown = shape.indexOf(-1)
  if (unknown < 0) return reshaped(x, shape)
  const known = shape.reduce((product, size, i) => (i === unknown ? product : product * size), 1)
  if (!(known > 0) || x.size % known !== 0) {
    throw new ShapeError(
      `reshape: ${shapeText(x.shape)} has ${x.size} elements, which do not fit into ${shapeText(shape)}`,
    )
  }
  return reshaped(
    x,
    shape.map((size, i) => (i === unknown ? x.size / known : size)),
  )
}

/**
 * `reshape`, under the name that PyTorch has for a result that shares memory.
 * @throws ShapeError when the number of elements differs.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html
 * @example const y = functional.view(x, [2, -1])
 */
export function view<D extends DType>(x: Tensor<D>, shape: readonly number[]): Tensor<D> {
  return reshape(x, shape)
}

/**
 * Joins the dimensions from startDim to endDim (both included) into one.
 * @throws ValueError when x has no such dimensions, or startDim comes after endDim.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.flatten.html
 * @example const y = functional.flatten(x, 1)
 */
export function flatten<D extends DType>(x: Tensor<D>, startDim = 0, endDim = -1): Tensor<D> {
  checkTensor('flatten', 'x', x)
  if (x.rank === 0) return reshaped(x, [1])
  const start = axis('flatten', startDim, x)
  const end = axis('flatten', endDim, x)
  if (start > end)
    throw new ValueError(`flatten: startDim ${startDim} comes after endDim ${endDim} in ${shapeText(x.shape)}`)
  const joined = x.shape.slice(start, end + 1).reduce((product, size) => product * size, 1)
  return reshaped(x, [...x.shape.slice(0, start), joined, ...x.shape.slice(end + 1)])
}

/**
 * Splits dimension `dim` into `sizes`, one of which may be −1.
 * @throws ShapeError when the sizes do not make up the dimension; ValueError when x has no such dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.unflatten.html
 * @example const y = functional.unflatten(x, 1, [16, 5, 5])
 */
export function unflatten<D extends DType>(x: Tensor<D>, dim: number, sizes: readonly number[]): Tensor<D> {
  checkTensor('unflatten', 'x', x)
  checkNumbers('unflatten', 'sizes', sizes)
  const at = axis('unflatten', dim, x)
  const known = sizes.reduce((product, size) => (size === -1 ? product : product * size), 1)
  const filled = sizes.map((size) => (size === -1 ? x.shape[at]! / known : size))
  const isWhole = filled.every(Number.isInteger)
  if (!isWhole || filled.reduce((product, size) => product * size, 1) !== x.shape[at]) {
    throw new ShapeError(`unflatten: dimension ${dim} of ${shapeText(x.shape)} cannot become ${shapeText(sizes)}`)
  }
  return reshaped(x, [...x.shape.slice(0, at), ...filled, ...x.shape.slice(at + 1)])
}

/**
 * Without dimension `dim` (or several) if its size is 1; by default without all dimensions of size 1.
 * @throws ValueError when x has no such dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.squeeze.html
 * @example const y = functional.squeeze(x, 1)
 */
export function squeeze<D extends DType>(x: Tensor<D>, dim?: number | readonly number[]): Tensor<D> {
  checkTensor('squeeze', 'x', x)
  if (dim !== undefined) checkSizeOrSizes('squeeze', 'dim', dim)
  const dims = dim === undefined ? x.shape.map((_, i) => i) : typeof dim === 'number' ? [dim] : dim
  const at = new Set(dims.map((each) => axis('squeeze', each, x)))
  return reshaped(
    x,
    x.shape.filter((size, i) => size !== 1 || !at.has(i)),
  )
}

/**
 * With a new dimension of size 1 at `dim`, in [−rank − 1, rank].
 * @throws ValueError when x has no such dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.unsqueeze.html
 * @example const batch = functional.unsqueeze(image, 0)
 */
export function unsqueeze<D extends DType>(x: Tensor<D>, dim: number): Tensor<D> {
  checkTensor('unsqueeze', 'x', x)
  const at = axis('unsqueeze', dim, x, 1)
  return reshaped(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)])
}

/**
 * The dimensions in another order: dimension i of the result is dimension dims[i] of x. A copy: what is written into it leaves x as it is.
 * @throws ValueError when dims are not those of x, each once.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.permute.html
 * @example const channelsLast = functional.permute(x, [0, 2, 3, 1])
 */
export function permute<D extends DType>(x: Tensor<D>, dims: readonly number[]): Tensor<D> {
  checkTensor('permute', 'x', x)
  checkNumbers('permute', 'dims', dims)
  const axes = dims.map((dim) => axis('permute', dim, x))
  return wrap(native.ops.permute(x.handle, axes))
}

/**
 * With two dimensions exchanged. A copy: what is written into it leaves x as it is.
 * @throws ValueError when x has no such dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.transpose.html
 * @example const y = functional.transpose(x, 0, 1)
 */
export function transpose<D extends DType>(x: Tensor<D>, dim0: number, dim1: number): Tensor<D> {
  checkTensor('transpose', 'x', x)
  const axes = x.shape.map((_, i) => i)
  const [a, b] = [axis('transpose', dim0, x), axis('transpose', dim1, x)]
  if (x.rank > 0) [axes[a], axes[b]] = [b, a]
  return wrap(native.ops.permute(x.handle, axes))
}

function checkTensors(op: string, xs: readonly Tensor[]): void {
  checkList(op, 'xs', xs, 'tensors')
  for (const [i, x] of xs.entries()) checkTensor(op, `xs[${i}]`, x)
}

/**
 * Joins tensors along `dim`; all other sizes are equal.
 * @throws ShapeError when other sizes differ; DTypeError for two types; ValueError for no tensors, or no such dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.cat.html
 * @example const y = functional.cat([a, b], 1)
 */
export function cat<D extends DType>(xs: readonly Tensor<D>[], dim = 0): Tensor<D> {
  checkTensors('cat', xs)
  const [x] = xs
  if (!x) throw new ValueError('cat: got no tensors, expected at least one')
  return wrap(
    native.ops.concat(
      xs.map((each) => each.handle),
      axis('cat', dim, x),
    ),
  )
}

/**
 * Joins tensors of one shape along a new dimension.
 * @throws ShapeError when shapes differ; DTypeError for two types; ValueError for no tensors, or no such dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.stack.html
 * @example const batch = functional.stack([a, b])
 */
export function stack<D extends DType>(xs: readonly Tensor<D>[], dim = 0): Tensor<D> {
  checkTensors('stack', xs)
  const [x] = xs
  if (!x) throw new ValueError('stack: got no tensors, expected at least one')
  for (const each of xs) {
    if (shapeText(each.shape) !== shapeText(x.shape)) {
      throw new ShapeError(`stack: got ${shapeText(x.shape)} and ${shapeText(each.shape)}, expected equal shapes`)
    }
  }
  return tidy(() =>
    cat(
      xs.map((each) => unsqueeze(each, dim)),
      axis('stack', dim, x, 1),
    ),
  )
}

/** The part [starts, stops) of dimension `at`, every `step`th element. */
function sliceAxis<D extends DType>(x: Tensor<D>, at: number, start: number, stop: number, step: number): Tensor<D> {
  const part = (value: number, rest: readonly number[]) => rest.map((other, i) => (i === at ? value : other))
  return wrap(
    native.ops.slice(
      x.handle,
      part(
        start,
        x.shape.map(() => 0),
      ),
      part(stop, x.shape),
      part(
        step,
        x.shape.map(() => 1),
      ),
    ),
  )
}

/**
 * `length` elements of dimension `dim`, from `start` on (negative: counted from the end). A copy: what is written into it leaves x as it is.
 * @throws ValueError when they are not all there.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.narrow.html
 * @example const firstTen = functional.narrow(x, 0, 0, 10)
 */
export function narrow<D extends DType>(x: Tensor<D>, dim: number, start: number, length: number): Tensor<D> {
  checkTensor('narrow', 'x', x)
  const at = axis('narrow', dim, x)
  checkInteger('narrow', 'start', start)
  checkInteger('narrow', 'length', length)
  const size = x.shape[at] ?? 0
  const from = start < 0 ? start + size : start
  if (!(from >= 0 && length >= 0 && from + length <= size)) {
    throw new ValueError(`narrow: start ${start} and length ${length} leave dimension ${dim} of ${shapeText(x.shape)}`)
  }
  return sliceAxis(x, at, from, from + length, 1)
}

/**
 * The elements start, start + step, … before `end` of dimension `dim`, as x[start:end:step] in Python: negative positions count
 * from the end, positions outside are cut off; `step` is at least 1. A copy: what is written into it leaves x as it is.
 * @throws ValueError when x has no such dimension, or step is less than 1.
 * @see https://docs.pytorch.org/docs/stable/tensor_view.html (basic slicing)
 * @example const everySecond = functional.slice(x, 0, 0, undefined, 2)
 */
export function slice<D extends DType>(
  x: Tensor<D>,
  dim: number,
  start = 0,
  end = Number.POSITIVE_INFINITY,
  step = 1,
): Tensor<D> {
  checkTensor('slice', 'x', x)
  const at = axis('slice', dim, x)
  for (const [name, value] of [
    ['start', start],
    ['end', end],
    ['step', step],
  ] as const)
    checkNumber('slice', name, value)
  const size = x.shape[at] ?? 0
  const clip = (position: number) => Math.min(Math.max(position < 0 ? position + size : position, 0), size)
  const from = clip(start)
  return sliceAxis(x, at, from, Math.max(from, clip(end)), step)
}

/**
 * Parts of dimension `dim`: of a given size each (the last may be smaller), or of the sizes listed. They are copies.
 * @throws ValueError when the listed sizes do not sum to the dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.split.html
 * @example const [a, b] = functional.split(x, [3, 5], 1)
 */
export function split<D extends DType>(x: Tensor<D>, sizeOrSizes: number | readonly number[], dim = 0): Tensor<D>[] {
  checkTensor('split', 'x', x)
  const at = axis('split', dim, x)
  const total = x.shape[at] ?? 0
  let sizes: readonly number[]
  if (typeof sizeOrSizes === 'number') {
    if (!(Number.isInteger(sizeOrSizes) && sizeOrSizes > 0)) {
      throw new ValueError(`split: the size is ${sizeOrSizes}, expected a positive integer`)
    }
    const count = Math.max(1, Math.ceil(total / sizeOrSizes))
    sizes = Array.from({ length: count }, (_, i) => Math.min(sizeOrSizes, total - i * sizeOrSizes))
  } else {
    checkNumbers('split', 'sizes', sizeOrSizes)
    sizes = sizeOrSizes
    const sum = sizes.reduce((before, size) => before + size, 0)
    if (sum !== total) {
      throw new ValueError(`split: the sizes ${shapeText(sizes)} sum to ${sum}, expected ${total}`)
    }
  }
  let start = 0
  return sizes.map((size) => {
    const part = narrow(x, at, start, size)
    start += size
    return part
  })
}

/**
 * At most `chunks` parts of dimension `dim`, all of one size but the last. They are copies.
 * @throws ValueError when x has no such dimension, or chunks is no positive integer.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.chunk.html
 * @example const [left, right] = functional.chunk(x, 2, 3)
 */
export function chunk<D extends DType>(x: Tensor<D>, chunks: number, dim = 0): Tensor<D>[] {
  checkTensor('chunk', 'x', x)
  checkInteger('chunk', 'chunks', chunks, 1)
  const total = x.shape[axis('chunk', dim, x)] ?? 0
  return split(x, Math.max(1, Math.ceil(total / chunks)), dim)
}

/**
 * x repeated along its dimensions of size 1 until it has `shape`; −1 keeps a size; new dimensions come first. A copy: what is written into it leaves x as it is.
 * @throws ShapeError when x does not broadcast to shape.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.expand.html
 * @example const y = functional.expand(x, [8, -1, 4])
 */
export function expand<D extends DType>(x: Tensor<D>, shape: readonly number[]): Tensor<D> {
  checkTensor('expand', 'x', x)
  checkNumbers('expand', 'shape', shape)
  const fresh = shape.length - x.rank
  return wrap(
    native.ops.expand(
      x.handle,
      shape.map((size, i) => (size === -1 ? (x.shape[i - fresh] ?? size) : size)),
    ),
  )
}

export interface PadOptions {
  /** What is added: `value`, or elements of x. Default `'constant'`. */
  mode?: PadMode
  /** Default 0. */
  value?: number
}

const padChecks: Checks<PadOptions> = {
  mode: among('constant', 'reflect', 'replicate', 'circular'),
  value: checkNumber,
}

/**
 * Adds elements around x: pads is [low, high] of the last dimension, then of the one before, and so on; negative numbers take
 * away (mode 'constant' only).
 * @throws ValueError when pads has an odd length, ShapeError when there are more pairs than dimensions.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pad.html
 * @example const y = functional.pad(x, [1, 1, 2, 2], { mode: 'reflect' })
 */
export function pad<D extends DType>(x: Tensor<D>, pads: readonly number[], options: PadOptions = {}): Tensor<D> {
  const { mode = 'constant', value = 0 } = checkOptions('pad', options, padChecks)
  checkTensor('pad', 'x', x)
  checkNumbers('pad', 'pads', pads)
  if (pads.length % 2 !== 0) throw new ValueError(`pad: pads has ${pads.length} numbers, expected pairs`)
  if (pads.length > 2 * x.rank) {
    throw new ShapeError(`pad: pads has ${pads.length} numbers, but x is ${shapeText(x.shape)}`)
  }
  const side = (offset: number) => x.shape.map((_, i) => pads[2 * (x.rank - 1 - i) + offset] ?? 0)
  return wrap(native.ops.pad(x.handle, side(0), side(1), mode, value))
}

/**
 * With the order of elements reversed in `dims`.
 * @throws ValueError when x has no such dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.flip.html
 * @example const mirrored = functional.flip(images, [3])
 */
export function flip<D extends DType>(x: Tensor<D>, dims: number | readonly number[]): Tensor<D> {
  checkTensor('flip', 'x', x)
  checkSizeOrSizes('flip', 'dims', dims)
  const axes = (typeof dims === 'number' ? [dims] : dims).map((dim) => axis('flip', dim, x))
  return wrap(native.ops.flip(x.handle, axes))
}

/**
 * A copy in memory of its own; gradients flow through it.
 * @throws ValueError when x is no tensor.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.clone.html
 * @example const y = functional.clone(x)
 */
export function clone<D extends DType>(x: Tensor<D>): Tensor<D> {
  checkTensor('clone', 'x', x)
  const zeros = x.shape.map(() => 0)
  const ones = x.shape.map(() => 1)
  return wrap(native.ops.slice(x.handle, zeros, x.shape, ones))
}
