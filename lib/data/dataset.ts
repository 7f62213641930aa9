// What a dataset is, and the ones that are made of others. Nothing here knows how batches are ordered.
import { checkInteger, listOf, refuse, textOf } from '../check.js'
import { ValueError } from '../errors.js'
import type { HostArray } from '../io/host-array.js'
import type { Tensor } from '../tensor.js'

/** One example: the input, and its target: an array, or the number of a class. */
export interface Sample {
  /** The input. */
  readonly x: HostArray
  /** The target, or the number of the class, from 0. */
  readonly y: HostArray | number
}

/**
 * Examples by number, decoded one at a time in host memory
 * (https://docs.pytorch.org/docs/stable/data.html#map-style-datasets).
 * @example
 * class Squares implements data.Dataset {
 *   readonly length = 100
 *   get(i: number) {
 *     return { x: { dtype: 'float32', shape: [1], data: Float32Array.of(i) }, y: i % 2 } as const
 *   }
 * }
 */
export interface Dataset {
  /** The number of examples. */
  readonly length: number
  /** Decodes example `index`, from 0 to length − 1. */
  get(index: number): Sample | Promise<Sample>
}

/** Examples that become a batch at once, on the device. The caller owns the tensors. */
export interface BatchDataset {
  /** The number of examples. */
  readonly length: number
  /** The batch of the examples at `indices`: for n of them x [n, …] and y [n, …]. */
  batch(indices: Int32Array): { x: Tensor; y: Tensor }
}

export type AnyDataset = Dataset | BatchDataset

export function isBatchDataset(dataset: AnyDataset): dataset is BatchDataset {
  return 'batch' in dataset && typeof dataset.batch === 'function'
}

/**
 * The examples of `dataset` at `indices`, in that order.
 * @throws ValueError if an index is not an integer from 0 to length − 1.
 * @see https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.Subset
 * @example const validation = data.subset(dataset, [0, 2, 4])
 */
export function subset<D extends AnyDataset>(
  dataset: D,
  indices: Iterable<number>,
): D extends BatchDataset ? BatchDataset : Dataset
export function subset(dataset: AnyDataset, indices: Iterable<number>): AnyDataset {
  checkDataset('subset', dataset)
  const list = listOf('subset', 'indices', indices, 'whole numbers') as number[]
  for (const index of list) checkIndex('subset', index, dataset.length)
  const chosen = Int32Array.from(list)
  const { length } = chosen
  if (isBatchDataset(dataset)) {
    return { length, batch: (positions) => dataset.batch(positions.map((position) => chosen[position]!)) }
  }
  return {
    length,
    get(position) {
      checkIndex('subset.get', position, length)
      return dataset.get(chosen[position]!)
    },
  }
}

/**
 * Checks that a value is a dataset.
 * @throws ValueError if it has no `length`, and `get` or `batch`.
 */
export function checkDataset(what: string, dataset: unknown): asserts dataset is AnyDataset {
  const { length, get, batch } = (typeof dataset === 'object' && dataset !== null ? dataset : {}) as Partial<
    Dataset & BatchDataset
  >
  if (typeof get !== 'function' && typeof batch !== 'function') {
    refuse(what, 'dataset', dataset, 'one with length and get(index), or batch(indices)')
  }
  checkInteger(what, 'dataset.length', length, 0)
}

export function checkIndex(what: string, index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new ValueError(`${what}: index ${textOf(index)}, expected an integer from 0 to ${length - 1}`)
  }
}
