// Runs a row of the edge suite: values, gradients, and the gradients of these.
import { functional, Tensor, tensor, tidy, zeros } from '../../lib/index.js'
import type { DeviceName } from '../../types/dtype.js'
import type { EdgeInput, EdgeRow } from '../cases/edges.js'

/** A number as JSON can hold it. */
export type Encoded = number | 'nan' | 'inf' | '-inf' | '-0'

export function encoded(value: number): Encoded {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  return Object.is(value, -0) ? '-0' : value
}

export function decoded(value: Encoded): number {
  if (typeof value === 'number') return value
  return { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY, '-0': -0 }[value]
}

/** Numbers by part: y, dx0…, ddx0…, ddy. */
export type Parts = { [part: string]: readonly number[] }

export function edgeName({ fn, inputs, args = [], options = {}, call }: EdgeRow): string {
  const text = (value: unknown) =>
    JSON.stringify(value, (_, each) => (typeof each === 'number' ? encoded(each) : each)).replaceAll('"', '')
  const shapes = inputs.map((input) =>
    text(input && (input.values.length > 8 ? (input.shape ?? [input.values.length]) : input.values)),
  )
  return [fn, ...shapes, ...(call ?? args).map(text), ...(Object.keys(options).length > 0 ? [text(options)] : [])].join(
    ' ',
  )
}

type FloatType = 'float32' | 'float64'

/** The listed numbers, repeated: edges.py has the same. */
function repeated(values: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, i) => values[i % values.length]!)
}

function made(numbers: readonly number[], shape: readonly number[], dtype: string, device: DeviceName): Tensor {
  const count = shape.reduce((product, size) => product * size, 1)
  const values = repeated(numbers, count)
  if (dtype === 'bool') return tensor(Uint8Array.from(values), { shape, dtype: 'bool', device })
  if (dtype === 'int32') return tensor(Int32Array.from(values), { shape, device })
  return tensor(dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values), { shape, device })
}

function resolve(value: unknown, inputs: readonly (Tensor | null)[]): unknown {
  if (typeof value === 'string' && value.startsWith('$')) return inputs[Number(value.slice(1))]
  return Array.isArray(value) ? value.map((each) => resolve(each, inputs)) : value
}

function references(value: unknown): string[] {
  if (typeof value === 'string') return value.startsWith('$') ? [value] : []
  return value && typeof value === 'object' ? Object.values(value).flatMap(references) : []
}

function callRow({ fn, args = [], options = {}, call }: EdgeRow, inputs: readonly (Tensor | null)[]): Tensor {
  const functions = functional as unknown as { [name: string]: (...args: unknown[]) => Tensor | Tensor[] }
  const named = new Set(references([args, options]))
  const given = call ?? [...inputs.map((_, i) => `$${i}`).filter((name) => !named.has(name)), ...args]
  const last = Object.entries(options).map(([key, value]) => [key, resolve(value, inputs)])
  const result = functions[fn]!(
    ...given.map((each) => resolve(each, inputs)),
    ...(last.length > 0 ? [Object.fromEntries(last)] : []),
  )
  return result instanceof Tensor ? result : result[0]!
}

/** What edges.py computes of a row. */
export function runEdge(row: EdgeRow, dtype: FloatType, device: DeviceName): Parts {
  const isLeaf = (input: EdgeInput | null) => input !== null && input.dtype === undefined && !input.constant
  const { order = 2 } = row
  return tidy(() => {
    const found: { [part: string]: readonly number[] } = {}
    const keep = (part: string, x: Tensor) => {
      found[part] = [...x.dataSync()]
    }
    const inputs = row.inputs.map((spec) =>
      spec ? made(spec.values, spec.shape ?? [spec.values.length], spec.dtype ?? dtype, device) : null,
    )
    const leaves = inputs.filter((_, i) => isLeaf(row.inputs[i]!)) as Tensor[]
    for (const leaf of leaves) leaf.requiresGrad_()
    const y = callRow(row, inputs)
    keep('y', y)
    if (order === 0) return found
    const dy = made([1, -2, 0.5, 3], y.shape, dtype, device).requiresGrad_()
    y.backward({ gradient: dy, createGraph: order > 1 })
    const taken = (x: Tensor) => {
      const gradient = x.grad ?? zeros(x.shape, { dtype: x.dtype, device })
      x.grad = null
      return gradient
    }
    const dx = leaves.map(taken)
    for (const [i, gradient] of dx.entries()) keep(`dx${i}`, gradient)
    if (order === 1) return found
    const projection = dx
      .map((g) => g.mul(made([2, 1, -1], g.shape, dtype, device)).sum())
      .reduce((sum, each) => sum.add(each))
    if (projection.requiresGrad) projection.backward()
    for (const [i, leaf] of leaves.entries()) keep(`ddx${i}`, taken(leaf))
    keep('ddy', taken(dy))
    return found
  })
}
