// Reads the golden values: safetensors files written by test/golden/make.py.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { hash } from './generator.js'

export type Values = Float32Array | Float64Array | Int32Array | Uint8Array

export interface GoldenTensor {
  dtype: 'float32' | 'int32' | 'bool'
  shape: number[]
  /** All values, or about a thousand of them where the tensor is large; see `sampled`. */
  data: Values
}

interface Entry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

const folder = fileURLToPath(new URL('../../../test/golden/', import.meta.url))
const dtypes: { [name: string]: GoldenTensor['dtype'] } = { F32: 'float32', I32: 'int32', BOOL: 'bool' }
const files = new Map<string, Map<string, GoldenTensor>>()

function load(family: string): Map<string, GoldenTensor> {
  const file = readFileSync(path.join(folder, `${family}.safetensors`))
  const size = Number(file.readBigUInt64LE(0))
  const { __metadata__: metadata, ...entries } = JSON.parse(file.toString('utf8', 8, 8 + size)) as {
    __metadata__: { golden: string }
  } & Record<string, Entry>
  const { shapes: fullShapes } = JSON.parse(metadata.golden) as { shapes: { [key: string]: number[] } }
  const tensors = new Map<string, GoldenTensor>()
  for (const [key, { dtype, shape, data_offsets }] of Object.entries<Entry>(entries)) {
    const bytes = file.subarray(8 + size + data_offsets[0], 8 + size + data_offsets[1])
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
    const data =
      dtype === 'F32' ? new Float32Array(buffer) : dtype === 'I32' ? new Int32Array(buffer) : new Uint8Array(buffer)
    tensors.set(key, { dtype: dtypes[dtype]!, shape: fullShapes[key] ?? shape, data })
  }
  return tensors
}

/** The golden tensors of a case by part: y0…, dx0…, m0…. Empty where make.py has not seen the case. */
export function golden(family: string, name: string): Map<string, GoldenTensor> {
  let tensors = files.get(family)
  if (!tensors) {
    tensors = load(family)
    files.set(family, tensors)
  }
  const prefix = `${hash(name).toString(16).padStart(8, '0')}/`
  const found = [...tensors].filter(([key]) => key.startsWith(prefix))
  return new Map(found.map(([key, value]) => [key.slice(prefix.length), value]))
}

/** Small tensors whole, of large ones about a thousand elements, as make.py keeps them. */
export function sampled(data: ArrayLike<number>): ArrayLike<number> {
  if (data.length <= 2048) return data
  let step = Math.ceil(data.length / 1024) | 1
  while (step % 3 === 0 || step % 5 === 0 || step % 7 === 0) step += 2
  return Float64Array.from({ length: Math.ceil(data.length / step) }, (_, i) => data[i * step]!)
}
