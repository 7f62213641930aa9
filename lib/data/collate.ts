// Puts samples together into one batch in host memory. Worker threads run this: it must not know tensors.
import { types } from 'node:util'
import { textOf } from '../check.js'
import { DataError } from '../errors.js'
import { allocate, elementsOf, type HostArray } from '../io/host-array.js'
import type { Dataset, Sample } from './dataset.js'

export interface HostBatch {
  readonly x: HostArray
  readonly y: HostArray
}

/** The samples at `indices`, fetched at once and stacked along a new first dimension. `before` is called ahead of each, with its place in the batch. */
export async function fetchBatch(
  dataset: Dataset,
  indices: Int32Array,
  before: (place: number) => void = () => {},
): Promise<HostBatch> {
  const get = (index: number, place: number) => {
    before(place)
    return dataset.get(index)
  }
  const samples = await Promise.all(Array.from(indices, get))
  return collate(samples, indices)
}

/**
 * Stacks samples: x [N, …], y [N, …]. Class numbers become int32 [N].
 * @throws DataError if a sample is none, two samples differ in shape or type, or a class is not an integer.
 */
export function collate(samples: readonly Sample[], indices: Int32Array): HostBatch {
  for (const [i, sample] of samples.entries()) checkSample(sample, indices[i]!)
  return {
    x: stack(
      samples.map(({ x }) => x),
      'x',
      indices,
    ),
    y: stack(
      samples.map(({ y }, i) => (typeof y === 'number' ? classNumber(y, indices[i]!) : y)),
      'y',
      indices,
    ),
  }
}

/** Refuses what a dataset of the caller's should not have given. */
function checkSample(sample: unknown, index: number): void {
  if (typeof sample !== 'object' || sample === null) {
    throw new DataError(`sample ${index} is ${textOf(sample)}, expected { x, y }`)
  }
  const { x, y } = sample as Partial<Sample>
  checkArray(x, 'x', index)
  if (typeof y !== 'number') checkArray(y, 'y', index)
}

function checkArray(array: unknown, name: string, index: number): void {
  const { dtype, shape, data } = (array ?? {}) as Partial<HostArray>
  if (typeof dtype !== 'string' || !Array.isArray(shape) || !types.isTypedArray(data)) {
    const expected = name === 'y' ? 'the integer of a class or an array' : 'an array'
    throw new DataError(
      `sample ${index}: ${name} is ${textOf(array)}, expected ${expected} { dtype, shape, data: a typed array }`,
    )
  }
}

function classNumber(value: number, index: number): HostArray {
  if (value !== (value | 0)) {
    throw new DataError(`sample ${index}: y is ${value}, expected the integer of a class or an array`)
  }
  return { dtype: 'int32', shape: [], data: Int32Array.of(value) }
}

function stack(arrays: readonly HostArray[], name: string, indices: Int32Array): HostArray {
  const first = arrays[0]
  if (!first) throw new DataError('collate: no samples, expected at least one')
  const { dtype, shape } = first
  const size = elementsOf(shape)
  const data = allocate(dtype, size * arrays.length)
  arrays.forEach((array, i) => {
    const isSame = array.dtype === dtype && `${array.shape}` === `${shape}`
    if (!isSame || array.data.length !== size) {
      const came = `${array.dtype}[${array.shape.join(', ')}] of ${array.data.length} elements`
      throw new DataError(
        `sample ${indices[i]}: ${name} is ${came}, expected ${dtype}[${shape.join(', ')}] as in sample ${indices[0]}`,
      )
    }
    data.set(array.data, i * size)
  })
  return { dtype, shape: [arrays.length, ...shape], data }
}
