// DataLoader: the order of an epoch, batches made ahead of it, and tensors made of them at the moment of delivery.
import type { DeviceName } from '../../types/dtype.js'
import {
  type Checks,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkOptions,
  checkString,
  integerFrom,
} from '../check.js'
import { ValueError } from '../errors.js'
import { checkTensor } from '../functional/arguments.js'
import { upload } from '../io/upload.js'
import { native } from '../native.js'
import { type Tensor, wrap } from '../tensor.js'
import { tidy } from '../tidy.js'
import { fetchBatch, type HostBatch } from './collate.js'
import { type AnyDataset, checkDataset, isBatchDataset } from './dataset.js'
import { ModuleDataset } from './module-dataset.js'
import { WorkerPool } from './worker-pool.js'
import { seedFrom } from './worker-random.js'

/** Options of {@link DataLoader}. */
export interface DataLoaderOptions {
  /** Examples in a batch, a positive integer; the last batch may have fewer. Default 1. */
  batchSize?: number
  /** Whether each epoch has a new order. Default false. */
  shuffle?: boolean
  /**
   * Seeds the order, and random numbers in workers. Equal seeds give equal orders on every machine. Default: the seed of `manualSeed`.
   */
  seed?: number
  /** Whether a last batch that is not full is left out. Default false. */
  dropLast?: boolean
  /** Batches that are made ahead in host memory. Default 2, or 2 for each worker. Datasets on a device need none. */
  prefetch?: number
  /**
   * Threads that make batches; needs a `ModuleDataset`. Default 0: the samples are made on the main thread.
   *
   * The library's random numbers and `Math.random` begin anew in each worker when it makes its data set, at a seed that follows from
   * `seed`, the epoch and the worker's number, and again ahead of each sample, at one that follows from `seed`, the epoch and the
   * sample's place in it. So no two samples share random numbers, each epoch has others, and what a sample draws before its first
   * `await` is the same whatever the number of workers. (PyTorch seeds each worker alone:
   * https://docs.pytorch.org/docs/stable/data.html#randomness-in-multi-process-data-loading.)
   */
  workers?: number
  /**
   * Applied to the inputs of each batch on the device, for instance to augment them: see `transforms`. Default: nothing.
   */
  transform?: (x: Tensor) => Tensor
  /** Where batches go. Default: the default device; batches of a dataset on a device stay there. */
  device?: DeviceName
}

const loaderChecks: Checks<DataLoaderOptions> = {
  batchSize: integerFrom(1),
  shuffle: checkBoolean,
  seed: integerFrom(0),
  dropLast: checkBoolean,
  prefetch: integerFrom(0),
  workers: integerFrom(0),
  transform: checkFunction,
  device: checkString,
}

/**
 * Some examples on the device. The batch is the caller's: `using`, its `dispose()`, or those of x and y free it at once; else the garbage collector
 * does later.
 * @throws ValueError if x or y is not a tensor.
 * @see https://docs.pytorch.org/docs/stable/data.html
 * @example for await (using batch of loader) console.log(batch.x.shape)
 */
export class Batch {
  /** Inputs, [n, …]. */
  readonly x: Tensor
  /** Targets, [n, …]; int32 [n] for classes. */
  readonly y: Tensor
  /** The numbers of the examples in the dataset, [n]. */
  readonly indices: Int32Array

  constructor(x: Tensor, y: Tensor, indices: Int32Array) {
    checkTensor('Batch', 'x', x)
    checkTensor('Batch', 'y', y)
    this.x = x
    this.y = y
    this.indices = indices
  }

  /**
   * Frees x and y at once.
   * @example for await (const batch of loader) batch.dispose()
   */
  dispose(): void {
    this.x.dispose()
    this.y.dispose()
  }

  /** For `using`: calls `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** Far from the offsets that initial weights and dropout count up, so that equal seeds share no random numbers. */
const orderOffset = 2 ** 40

/**
 * Batches of a dataset, epoch after epoch. Each `for await` is one epoch; leaving it early stops what was being prepared.
 * @throws ValueError if batchSize is not a positive integer, another option is out of range, or there are workers without a `ModuleDataset`.
 * @see https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader
 * @example
 * const batches = new data.DataLoader(dataset, { batchSize: 64, shuffle: true, seed: 1 })
 * for await (using batch of batches) net.forward(batch.x)
 */
export class DataLoader implements AsyncIterable<Batch> {
  /** The dataset. */
  readonly dataset: AnyDataset
  /** Examples in a batch. */
  readonly batchSize: number
  /** Whether each epoch has a new order. */
  readonly shuffle: boolean
  /** Seeds the order. */
  readonly seed: number
  /** Whether a last batch that is not full is left out. */
  readonly dropLast: boolean
  /** Batches that are made ahead. */
  readonly prefetch: number
  /** Threads that make batches. */
  readonly workers: number
  /** Where batches go; undefined: the default device. */
  readonly device: DeviceName | undefined
  readonly #transform: ((x: Tensor) => Tensor) | undefined
  /** The epoch that the next iteration gives, from 0; set it to repeat or resume an order. */
  epoch = 0

  constructor(dataset: AnyDataset, options: DataLoaderOptions = {}) {
    checkDataset('DataLoader', dataset)
    checkOptions('DataLoader', options, loaderChecks)
    const { batchSize = 1, shuffle = false, seed = native.seed(), dropLast = false, workers = 0 } = options
    const { prefetch = workers > 0 ? 2 * workers : 2 } = options
    if (workers > 0 && !(dataset instanceof ModuleDataset)) {
      throw new ValueError(`DataLoader: workers ${workers} with a dataset of this thread, expected a ModuleDataset`)
    }
    this.dataset = dataset
    this.batchSize = batchSize
    this.shuffle = shuffle
    this.seed = seed
    this.dropLast = dropLast
    this.prefetch = prefetch
    this.workers = workers
    this.device = options.device
    this.#transform = options.transform
  }

  /** Batches in an epoch. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches)
  }

  /** Examples in an epoch; with `dropLast`, without those that are left out. */
  get examples(): number {
    return this.dropLast ? this.length * this.batchSize : this.dataset.length
  }

  /** The batches of the next epoch. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    checkInteger('DataLoader', 'epoch', this.epoch, 0)
    const epoch = this.epoch++
    const order = await this.#order(epoch)
    const parts = Array.from({ length: this.length }, (_, i) =>
      order.slice(i * this.batchSize, (i + 1) * this.batchSize),
    )
    if (isBatchDataset(this.dataset)) {
      for (const indices of parts) {
        const { x, y } = this.dataset.batch(indices)
        yield this.#deliver(x, y, indices)
      }
    } else {
      for await (const { indices, x, y } of this.#hostBatches(parts, epoch)) {
        yield this.#deliver(upload(x, this.device), upload(y, this.device), indices)
      }
    }
  }

  #deliver(x: Tensor, y: Tensor, indices: Int32Array): Batch {
    const transform = this.#transform
    if (!transform) return new Batch(x, y, indices)
    try {
      const changed = tidy(() => transform(x))
      checkTensor('DataLoader', 'what the transform returned', changed)
      if (changed !== x) x.dispose()
      return new Batch(changed, y, indices)
    } catch (error) {
      x.dispose()
      y.dispose()
      throw error
    }
  }

  async *#hostBatches(
    parts: readonly Int32Array[],
    epoch: number,
  ): AsyncGenerator<HostBatch & { indices: Int32Array }> {
    const { dataset } = this
    if (isBatchDataset(dataset)) return
    const pool =
      this.workers > 0 && dataset instanceof ModuleDataset
        ? new WorkerPool(dataset.source, this.workers, seedFrom(this.seed, epoch))
        : undefined
    try {
      const ahead: Promise<HostBatch>[] = []
      let asked = 0
      const ask = (until: number) => {
        for (; asked < Math.min(until, parts.length); asked++) {
          const indices = parts[asked]!
          const batch = pool ? pool.fetch({ indices, first: asked * this.batchSize }) : fetchBatch(dataset, indices)
          batch.catch(() => {}) // it is reported when its turn comes
          ahead.push(batch)
        }
      }
      for (const [i, indices] of parts.entries()) {
        ask(i + 1 + this.prefetch)
        yield { ...(await ahead.shift()!), indices }
      }
    } finally {
      await pool?.close()
    }
  }

  async #order(epoch: number): Promise<Int32Array> {
    const { length } = this.dataset
    if (!this.shuffle || length === 0) return Int32Array.from({ length }, (_, i) => i)
    // The permutation of the library, made on the CPU's queue: the same numbers on every device.
    const order = wrap(native.ops.permutation('cpu', length, this.seed, orderOffset + epoch))
    try {
      return (await order.data()) as Int32Array
    } finally {
      order.dispose()
    }
  }
}
