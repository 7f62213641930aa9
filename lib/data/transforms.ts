// Transforms of whole batches on their device: augmentation and normalisation of pictures, for a DataLoader or a dataset.
import {
  among,
  type Checks,
  checkFunction,
  checkInteger,
  checkNumber,
  checkNumbers,
  checkOptions,
  checkSizeOrSizes,
  integerFrom,
  numberThat,
} from '../check.js'
import { arange, rand, tensor } from '../creation.js'
import { ShapeError, ValueError } from '../errors.js'
import { checkTensor } from '../functional/arguments.js'
import { flip as flipped, gather, pad, where } from '../functional/index.js'
import { native } from '../native.js'
import { type Tensor, wrap } from '../tensor.js'
import { tidy } from '../tidy.js'
import { checkNormalisation } from './normalisation.js'

/**
 * A function from a batch [N, C, H, W] to another. It leaves its argument as it is.
 * @example
 * const augment = data.transforms.compose(
 *   data.transforms.randomCrop(32, { padding: 4 }),
 *   data.transforms.randomHorizontalFlip(),
 * )
 * const batches = new data.DataLoader(dataset, { batchSize: 64, shuffle: true, transform: augment })
 */
export type Transform = (x: Tensor) => Tensor

/** Options of transforms that draw random numbers. */
export interface RandomOptions {
  /**
   * Seeds random numbers of the transform's own, which go on from batch to batch. Default: the session's numbers, which `manualSeed` starts and a
   * checkpoint keeps.
   */
  seed?: number
}

/**
 * Applies one transform after the other.
 * @throws ValueError if one is not a function, or returns no tensor.
 * @see https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.Compose.html
 * @example const transform = data.transforms.compose(data.transforms.toFloat(), data.transforms.randomHorizontalFlip())
 */
export function compose(...transforms: readonly Transform[]): Transform {
  for (const [i, transform] of transforms.entries()) checkFunction('compose', `transform ${i}`, transform)
  return (x) =>
    tidy(() =>
      transforms.reduce((y, transform, i) => {
        const changed = transform(y)
        checkTensor('compose', `what transform ${i} returned`, changed)
        return changed
      }, x),
    )
}

/**
 * Bytes 0 … 255 of any shape as float32 from 0 to 1.
 * @throws ValueError, with a batch, if it is not a tensor.
 * @see https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.ToDtype.html
 * @example const pixels = data.transforms.toFloat()(x)
 */
export function toFloat(): Transform {
  return (x) => {
    checkTensor('toFloat', 'x', x)
    return tidy(() => x.to('float32').mul(1 / 255))
  }
}

/**
 * (x − mean) / std of a batch [N, C, H, W], with one number for each channel.
 * @throws ValueError if the lists differ in length, a number is not finite, or a deviation is 0; ShapeError, with a batch, if it has other channels.
 * @see https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.Normalize.html
 * @example const normalise = data.transforms.normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]) // ImageNet's
 */
export function normalize(mean: readonly number[], std: readonly number[]): Transform {
  checkNumbers('normalize', 'mean', mean)
  checkNumbers('normalize', 'std', std)
  if (mean.length !== std.length) {
    throw new ValueError(`normalize: mean is [${mean}] and std is [${std}], expected one number a channel in each`)
  }
  checkNormalisation('normalize', mean, std)
  return (x) => {
    const [, channels] = batchShape('normalize', x)
    if (channels !== mean.length) {
      throw new ShapeError(`normalize: x [${x.shape.join(', ')}] has ${channels} channels, expected ${mean.length}`)
    }
    return tidy(() => {
      const options = { shape: [1, channels, 1, 1], device: x.device }
      return x.sub(tensor(Float32Array.from(mean), options)).div(tensor(Float32Array.from(std), options))
    })
  }
}

/** Options of {@link randomHorizontalFlip}. */
export interface RandomFlipOptions extends RandomOptions {
  /** Probability of a flip, in [0, 1]. Default 0.5. */
  p?: number
}

const randomChecks: Checks<RandomOptions> = { seed: integerFrom(0) }
const flipChecks: Checks<RandomFlipOptions> = {
  ...randomChecks,
  p: numberThat('a number from 0 to 1', (value) => value >= 0 && value <= 1),
}

/**
 * Mirrors each picture of a batch [N, C, H, W] left to right with probability p (default 0.5).
 * @throws ValueError if p is not in [0, 1]; ShapeError, with a batch, if it has not 4 dimensions.
 * @see https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.RandomHorizontalFlip.html
 * @example const flip = data.transforms.randomHorizontalFlip()
 */
export function randomHorizontalFlip(options: RandomFlipOptions = {}): Transform {
  const { p = 0.5, seed } = checkOptions('randomHorizontalFlip', options, flipChecks)
  const draw = numbersOf(seed, 2 ** 41)
  return (x) => {
    const [pictures] = batchShape('randomHorizontalFlip', x)
    return tidy(() => where(draw(x, [pictures, 1, 1, 1], 1).lt(p), flipped(x, 3), x))
  }
}

/** Options of {@link randomCrop}. */
export interface RandomCropOptions extends RandomOptions {
  /** Rows and columns that are added on every side before the cut. Default 0. */
  padding?: number
  /** What is added: the constant `value`, the picture mirrored, or its border repeated. Default `constant`. */
  paddingMode?: 'constant' | 'reflect' | 'replicate'
  /** The constant. Default 0, the mean of normalised pictures. */
  value?: number
}

const cropChecks: Checks<RandomCropOptions> = {
  ...randomChecks,
  padding: integerFrom(0),
  paddingMode: among('constant', 'reflect', 'replicate'),
  value: checkNumber,
}

/**
 * Cuts a window of `size` (one number for a square) out of each picture of a batch [N, C, H, W], each at its own random place.
 * @throws ValueError if a size is not a positive integer; ShapeError, with a batch, if the pictures are smaller than the window.
 * @see https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.RandomCrop.html
 * @example const crop = data.transforms.randomCrop(32, { padding: 4 })
 */
export function randomCrop(
  size: number | readonly [height: number, width: number],
  options: RandomCropOptions = {},
): Transform {
  const { padding = 0, paddingMode = 'constant', value = 0, seed } = checkOptions('randomCrop', options, cropChecks)
  checkSizeOrSizes('randomCrop', 'size', size)
  const [height, width] = typeof size === 'number' ? [size, size] : size
  checkInteger('randomCrop', 'size', height, 1)
  checkInteger('randomCrop', 'size', width, 1)
  const draw = numbersOf(seed, 2 ** 42)
  return (x) => {
    const [pictures, channels, ...sides] = batchShape('randomCrop', x)
    const [rows, columns] = sides.map((side) => side + 2 * padding) as [number, number]
    if (rows < height || columns < width) {
      const came = `x [${x.shape.join(', ')}] with padding ${padding}`
      throw new ShapeError(`randomCrop: ${came}, expected pictures of at least ${height}×${width}`)
    }
    return tidy(() => {
      const padded = padding === 0 ? x : pad(x, [padding, padding, padding, padding], { mode: paddingMode, value })
      // A crop is a gather from the picture as one row of pixels: pixel (i, j) comes from (top + i) · columns + left + j.
      const places = [rows - height + 1, columns - width + 1] as const
      const [top, left] = places.map((count) => wholeBelow(count, draw(x, [pictures, 1, 1], count)))
      const grid = cropGrid(height, width, columns, x) // [1, 1, height · width]
      const index = grid
        .add(top!.mul(columns))
        .add(left!)
        .expand([pictures, channels, height * width])
      return gather(padded.reshape([pictures, channels, rows * columns]), 2, index).reshape([
        pictures,
        channels,
        height,
        width,
      ])
    })
  }
}

function cropGrid(height: number, width: number, columns: number, { device }: Tensor): Tensor {
  const options = { device, dtype: 'int32' } as const
  const down = arange(0, height, options).mul(columns).reshape([1, 1, height, 1])
  return down.add(arange(0, width, options).reshape([1, 1, 1, width])).reshape([1, 1, height * width])
}

/** Whole numbers below `count` of uniform ones in [0, count). */
function wholeBelow(count: number, uniform: Tensor): Tensor {
  return uniform
    .floor()
    .clamp({ max: count - 1 })
    .to('int32')
}

type Draw = (like: Tensor, shape: readonly number[], high: number) => Tensor

/** Uniform numbers in [0, high): the session's, or with a seed those from an offset that no other kind of draw reaches. */
function numbersOf(seed: number | undefined, firstOffset: number): Draw {
  if (seed === undefined) return ({ device }, shape, high) => rand(shape, { device, high })
  let offset = firstOffset
  return ({ device }, shape, high) => wrap(native.ops.uniform(device, shape, 'float32', 0, high, seed, offset++))
}

function batchShape(name: string, x: Tensor): [number, number, number, number] {
  checkTensor(name, 'x', x)
  const { shape } = x
  if (shape.length !== 4) throw new ShapeError(`${name}: x is [${shape.join(', ')}], expected a batch [N, C, H, W]`)
  return shape as unknown as [number, number, number, number]
}
