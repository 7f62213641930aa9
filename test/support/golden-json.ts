// Golden values in JSON, and the rule that fills tensors in the scripts that made them.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Tensor } from '../../lib/index.js'

/** A file of test/golden (seen from dist/test/support). */
export function goldenJson<T>(name: string): T {
  return JSON.parse(readFileSync(fileURLToPath(new URL(`../../../test/golden/${name}`, import.meta.url)), 'utf8')) as T
}

/** The values that the scripts give to a tensor of that shape. */
export function values(shape: readonly number[], salt: number): number[] {
  const n = shape.reduce((product, size) => product * size, 1)
  return Array.from({ length: n }, (_, i) => Math.round((((i * 37 + salt * 101) % 83) / 41.5 - 1) * 1e6) / 1e6)
}

/** ‖a − b‖ / ‖b‖ (‖a − b‖ where b is 0); NaN where anything is. */
export function relativeError(a: Iterable<number>, b: readonly number[]): number {
  const list = [...a]
  if (list.length !== b.length) return Number.NaN
  const norm = (xs: readonly number[]) => Math.sqrt(xs.reduce((sum, x) => sum + x * x, 0))
  return norm(list.map((x, i) => x - b[i]!)) / (norm(b) || 1)
}

export function numbers(tensor: Tensor): number[] {
  return Array.from(tensor.dataSync() as Float32Array)
}
