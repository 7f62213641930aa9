// A dataset that lies on the device: a batch is a few ops there, so nothing is decoded or copied per step.
import { types } from 'node:util'
import { type Checks, checkFunction, checkNumber, checkOptions, checkSizeOrSizes, refuse } from '../check.js'
import { ShapeError, ValueError } from '../errors.js'
import { checkTensor } from '../functional/arguments.js'
import { type HostArray, typedView } from '../io/host-array.js'
import { upload } from '../io/upload.js'
import { native } from '../native.js'
import type { Tensor } from '../tensor.js'
import { keep, tidy } from '../tidy.js'
import { type BatchDataset, checkIndex, type Dataset, type Sample } from './dataset.js'
import { checkNormalisation, type PerChannel } from './normalisation.js'

/** Options of {@link TensorDataset}. */
export interface TensorDatasetOptions {
  /** The input, as float32, is multiplied by this: 1/255 for bytes. Default 1. */
  scale?: number
  /** Subtracted from the scaled input: one number, or one for each channel (dimension 1 of a batch). Default 0. */
  mean?: PerChannel
  /** Divides the difference: one number, or one for each channel. Default 1. */
  std?: PerChannel
  /** Applied to each batch of inputs on the device, for instance to augment it. Default: nothing. */
  transform?: (x: Tensor) => Tensor
}

export const tensorDatasetChecks: Checks<TensorDatasetOptions> = {
  scale: checkNumber,
  mean: checkSizeOrSizes,
  std: checkSizeOrSizes,
  transform: checkFunction,
}

/**
 * Inputs [N, …] and targets [N, …] on one device. A batch is x = (float32(inputs[indices]) · scale − mean) / std and y = targets[indices], made by
 * ops on the device. The dataset owns both tensors until `dispose()`.
 * @throws ShapeError if the first dimensions differ, or mean or std has not one number for each channel; ValueError if a number is not
 * finite, or a deviation is 0.
 * @see https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.TensorDataset
 * @example const dataset = new data.TensorDataset(images, labels, { scale: 1 / 255, mean: 0.286, std: 0.353 })
 */
export class TensorDataset implements Dataset, BatchDataset {
  /** The number of examples, N. */
  readonly length: number
  /** Inputs, [N, …]. */
  readonly inputs: Tensor
  /** Targets, [N, …]. */
  readonly targets: Tensor
  readonly #factor: number | Tensor
  readonly #offset: number | Tensor
  readonly #transform: ((x: Tensor) => Tensor) | undefined

  constructor(inputs: Tensor, targets: Tensor, options: TensorDatasetOptions = {}) {
    checkTensor('TensorDataset', 'inputs', inputs)
    checkTensor('TensorDataset', 'targets', targets)
    checkOptions('TensorDataset', options, tensorDatasetChecks)
    const [length = 0] = inputs.shape
    if (inputs.rank === 0 || targets.shape[0] !== length) {
      const came = `inputs [${inputs.shape.join(', ')}] and targets [${targets.shape.join(', ')}]`
      throw new ShapeError(`TensorDataset: ${came}, expected one first dimension`)
    }
    const { scale = 1, mean = 0, std = 1, transform } = options
    checkNormalisation('TensorDataset', mean, std)
    if (!Number.isFinite(scale)) throw new ValueError(`TensorDataset: scale is ${scale}, expected a finite number`)
    this.length = length
    this.inputs = keep(inputs)
    this.targets = keep(targets)
    // (x · scale − mean) / std = x · factor + offset, so that a batch takes two ops.
    if (typeof mean === 'number' && typeof std === 'number') {
      this.#factor = scale / std
      this.#offset = -mean / std
    } else {
      const channels = inputs.rank > 1 ? inputs.shape[1]! : 0
      const means = perChannel('mean', mean, channels)
      const stds = perChannel('std', std, channels)
      const shape = inputs.shape.map((_, axis) => (axis === 1 ? channels : 1)) // [1, C, 1, …]
      const constant = (values: readonly number[]) =>
        keep(upload({ dtype: 'float32', shape, data: Float32Array.from(values) }, inputs.device))
      this.#factor = constant(stds.map((value) => scale / value))
      this.#offset = constant(means.map((value, i) => -value / stds[i]!))
    }
    this.#transform = transform
  }

  /**
   * x float32 [n, …] and y [n, …] of the examples at `indices` [n]. The caller owns both.
   * @throws ValueError if `indices` is not an Int32Array. An index out of range rejects when x or y is read.
   * @example const { x: pixels, y: classes } = dataset.batch(Int32Array.of(0, 1))
   */
  batch(indices: Int32Array): { x: Tensor; y: Tensor } {
    if (!types.isInt32Array(indices)) refuse('TensorDataset.batch', 'indices', indices, 'an Int32Array')
    const [x, y] = tidy(() => {
      const index = upload({ dtype: 'int32', shape: [indices.length], data: indices }, this.inputs.device)
      let x = this.inputs.indexSelect(0, index).to('float32')
      if (this.#factor !== 1) x = x.mul(this.#factor)
      if (this.#offset !== 0) x = x.add(this.#offset)
      if (this.#transform) x = this.#transform(x)
      checkTensor('TensorDataset', 'what the transform returned', x)
      return [x, this.targets.indexSelect(0, index)] as const
    })
    return { x, y }
  }

  /**
   * One example, read back from the device.
   * @throws ValueError (rejects) if index is not an integer from 0 to length − 1.
   * @example const { x: pixels, y: label } = await dataset.get(0)
   */
  async get(index: number): Promise<Sample> {
    checkIndex('TensorDataset.get', index, this.length)
    const { x, y } = this.batch(Int32Array.of(index))
    try {
      return { x: await one(x), y: await one(y) }
    } finally {
      x.dispose()
      y.dispose()
    }
  }

  /**
   * Frees the tensors, those given to the constructor included.
   * @example dataset.dispose()
   */
  dispose(): void {
    for (const value of [this.inputs, this.targets, this.#factor, this.#offset]) {
      if (typeof value !== 'number') value.dispose()
    }
  }

  /** For `using`: calls `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose()
  }
}

async function one(batch: Tensor): Promise<HostArray> {
  const { dtype } = batch
  const data = typedView(dtype, await native.read(batch.handle))
  return { dtype, shape: batch.shape.slice(1), data }
}

function perChannel(name: string, values: PerChannel, channels: number): readonly number[] {
  if (typeof values === 'number') return Array.from({ length: channels }, () => values)
  if (values.length !== channels) {
    throw new ShapeError(`TensorDataset: ${name} has ${values.length} numbers, expected ${channels}, one a channel`)
  }
  return values
}
