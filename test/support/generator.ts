// Deterministic test data: a counter-based hash that test/golden/make.py repeats bit for bit.

/** How the values of one input are chosen; see `generate`. */
export type Kind = 'uniform' | 'distinct' | 'integers' | 'nan' | 'planes' | 'values'

export interface InputSpec {
  shape: number[]
  dtype: 'float32' | 'int32' | 'bool'
  kind: Kind
  low: number
  high: number
  /** kind 'values' only: the values, repeated as often as needed. */
  values?: number[]
}

/** FNV-1a over the UTF-16 code units of a key. */
export function hash(key: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 0x01000193)
  return h >>> 0
}

function mix(value: number): number {
  let h = value >>> 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Word `i` of the stream `key`: 32 random bits. */
export function word(key: number, i: number): number {
  return mix(mix(Math.imul(i, 0x9e3779b9)) ^ key)
}

/** A number in [0, 1) with 24 random bits. */
function fraction(key: number, i: number): number {
  return (word(key, i) >>> 8) / 0x1000000
}

/** 0 … n−1 ordered by the words from `start` on, ties by position. */
function shuffled(key: number, start: number, n: number): number[] {
  const words = Array.from({ length: n }, (_, i) => word(key, start + i))
  return words.map((_, i) => i).sort((a, b) => words[a]! - words[b]! || a - b)
}

/** The number of elements of a shape. */
export function count(shape: number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/**
 * The values of one input, the same in TypeScript and Python and exact in float32.
 * - uniform: odd multiples of 1/8192 in [low, high): never zero and never nearer than 1/8192 to a kink at a round number
 * - distinct: evenly spaced over [low, high) in random order, so that every maximum is unique
 * - integers: whole numbers in [low, high): ties and kinks
 * - nan: uniform, with one value in five replaced by NaN
 * - planes: for shape [N, C, s…], positions in [0, high) that are distinct within each plane (n, c)
 * - values: the listed values, repeated
 */
export function generate(spec: InputSpec, name: string): number[] {
  const key = hash(name)
  const n = count(spec.shape)
  const { low, high } = spec
  const at = (i: number): number => low + (high - low) * fraction(key, i)
  const uniform = (i: number): number => (2 * Math.floor(at(i) * 4096) + 1) / 8192
  const indices = Array.from({ length: n }, (_, i) => i)
  switch (spec.dtype === 'bool' ? 'integers' : spec.kind) {
    case 'uniform':
      return indices.map(uniform)
    case 'distinct': {
      const order = shuffled(key, 0, n)
      return indices.map((i) => Math.fround(low + ((high - low) * (order[i]! + 0.5)) / n))
    }
    case 'integers':
      return indices.map((i) => Math.floor(at(i)))
    case 'nan':
      return indices.map((i) => (fraction(key ^ 0x5bd1e995, i) < 0.2 ? Number.NaN : uniform(i)))
    case 'planes': {
      const planes = spec.shape[0]! * spec.shape[1]!
      const size = planes === 0 ? 0 : n / planes
      return Array.from({ length: planes }, (_, p) => shuffled(key, p * high, high).slice(0, size)).flat()
    }
    default:
      return indices.map((i) => spec.values![i % spec.values!.length]!)
  }
}

/** The fixed random gradient of output `index` of a case: uniform in [−1, 1). */
export function outputGradient(name: string, index: number, shape: number[]): number[] {
  return generate({ shape, dtype: 'float32', kind: 'uniform', low: -1, high: 1 }, `${name}/dy${index}`)
}
