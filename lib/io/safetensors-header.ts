// The header of a .safetensors file: JSON text to checked entries and back. It must not touch files or tensors.
// The format: https://huggingface.co/docs/safetensors/index#format
import type { DType } from '../../types/dtype.js'
import { FormatError } from '../errors.js'
import { JsonError, JsonScanner } from './json-scanner.js'

/** Headers above this are refused before anything is allocated, as in the reference implementation. */
export const maxHeaderBytes = 100_000_000
/** A tensor of this library has at most this many dimensions. */
const maxRank = 8

/** The element types that are read; I64 becomes int32. */
export type FileDType = 'F32' | 'F64' | 'F16' | 'BF16' | 'I32' | 'I64' | 'U8' | 'BOOL'

const fileBytes: Readonly<Record<FileDType, number>> = {
  F32: 4,
  F64: 8,
  F16: 2,
  BF16: 2,
  I32: 4,
  I64: 8,
  U8: 1,
  BOOL: 1,
}
export const fileDTypes: Readonly<Record<DType, FileDType>> = {
  float32: 'F32',
  float64: 'F64',
  float16: 'F16',
  bfloat16: 'BF16',
  int32: 'I32',
  uint8: 'U8',
  bool: 'BOOL',
}
/** In the format, but nothing that this library computes with. */
const unsupported = new Set(['I8', 'I16', 'U16', 'U32', 'U64', 'F8_E4M3', 'F8_E5M2', 'F8_E8M0', 'F4', 'C64'])

/** One tensor in the file; its bytes are [begin, end) of what follows the header. */
export interface Entry {
  readonly name: string
  readonly dtype: FileDType
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

export interface Header {
  readonly metadata: Readonly<Record<string, string>>
  /** In the order of their bytes. */
  readonly entries: readonly Entry[]
}

/**
 * Reads and checks a header. `dataBytes` is what the file holds after it; the entries must cover exactly that.
 * @throws FormatError naming `file`, what came and what was expected.
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, file: string): Header {
  const fail = (message: string): never => {
    throw new FormatError(`${file}: ${message}`)
  }
  let metadata: Record<string, string> = {}
  const entries: Entry[] = []
  const scanner = new JsonScanner(decode(bytes, fail))
  try {
    scanner.members((name) => {
      if (name === '__proto__') fail('came a tensor named "__proto__", expected a name that cannot change an object')
      if (name === '__metadata__') metadata = readMetadata(scanner, fail)
      else entries.push(readEntry(name, scanner.value(), fail))
    })
    scanner.end()
  } catch (error) {
    if (error instanceof JsonError)
      fail(error.message.startsWith('not') ? `the header is ${error.message}` : `the header has ${error.message}`)
    throw error
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end)
  checkCover(entries, dataBytes, fail)
  return { metadata, entries }
}

/** The text of a header for tensors in this order, padded with spaces so that the data starts on a multiple of 8. */
export function formatHeader(
  tensors: readonly { name: string; dtype: DType; shape: readonly number[]; bytes: number }[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const root: [string, unknown][] = []
  if (Object.keys(metadata).length > 0) root.push(['__metadata__', metadata])
  let offset = 0
  for (const { name, dtype, shape, bytes } of tensors) {
    root.push([name, { dtype: fileDTypes[dtype], shape, data_offsets: [offset, offset + bytes] }])
    offset += bytes
  }
  const text = `{${root.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`
  const json = new TextEncoder().encode(text)
  const padded = new Uint8Array(Math.ceil(json.length / 8) * 8).fill(0x20)
  padded.set(json)
  return padded
}

type Fail = (message: string) => never

function decode(bytes: Uint8Array, fail: Fail): string {
  if (bytes[0] !== 0x7b) fail(`the header starts with ${show(String.fromCharCode(bytes[0] ?? 0))}, expected "{"`)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return fail('the header is not UTF-8')
  }
}

function readMetadata(scanner: JsonScanner, fail: Fail): Record<string, string> {
  if (!scanner.isAtObject) return fail(`__metadata__ is ${show(scanner.value())}, expected an object of strings`)
  const metadata: Record<string, string> = {}
  scanner.members((key) => {
    if (key === '__proto__') fail('__metadata__ has the key "__proto__", expected one that cannot change an object')
    const text = scanner.value()
    if (typeof text !== 'string') return fail(`__metadata__ has ${show(text)} at ${show(key)}, expected a string`)
    metadata[key] = text
  })
  return metadata
}

function readEntry(name: string, value: unknown, failAll: Fail): Entry {
  const fail: Fail = (message) => failAll(`tensor ${show(name)}: ${message}`)
  if (!isObject(value)) return fail(`came ${show(value)}, expected an object`)
  const keys = Object.keys(value)
  if (keys.length !== 3 || !('dtype' in value && 'shape' in value && 'data_offsets' in value)) {
    fail(`came the keys ${keys.sort().join(', ') || '(none)'}, expected data_offsets, dtype, shape`)
  }
  const { dtype, shape, data_offsets: offsets } = value
  if (typeof dtype !== 'string' || !Object.hasOwn(fileBytes, dtype)) {
    const expected = `expected one of ${Object.keys(fileBytes).join(', ')}`
    const known = typeof dtype === 'string' && unsupported.has(dtype)
    return fail(`${known ? 'unsupported' : 'unknown'} dtype ${show(dtype)}, ${expected}`)
  }
  if (!isSizes(shape)) return fail(`shape ${show(shape)}, expected a list of integers from 0 on`)
  if (shape.length > maxRank) fail(`${shape.length} dimensions, expected at most ${maxRank}`)
  if (!isSizes(offsets) || offsets.length !== 2) {
    return fail(`data_offsets ${show(offsets)}, expected [begin, end] of integers from 0 on`)
  }
  const [begin, end] = offsets as [number, number]
  if (begin > end) fail(`data_offsets [${begin}, ${end}], expected begin before end`)
  const width = fileBytes[dtype as FileDType]
  // An empty tensor has no bytes, but the product of its other sizes must not overflow either.
  if (!Number.isSafeInteger(shape.reduce((product, size) => product * Math.max(size, 1), width))) {
    fail(`shape [${shape.join(', ')}] overflows`)
  }
  const bytes = shape.reduce((product, size) => product * size, width)
  if (end - begin !== bytes) {
    fail(`${end - begin} bytes, expected ${bytes} for ${dtype} [${shape.join(', ')}]`)
  }
  return { name, dtype: dtype as FileDType, shape, begin, end }
}

/** Entries must follow one another without gap or overlap, from the first byte to the last. */
function checkCover(entries: readonly Entry[], dataBytes: number, fail: Fail): void {
  let offset = 0
  for (const { name, begin, end } of entries) {
    if (begin < offset) fail(`tensor ${show(name)}: overlaps: starts at byte ${begin}, expected ${offset}`)
    if (begin > offset) fail(`tensor ${show(name)}: leaves a gap: starts at byte ${begin}, expected ${offset}`)
    if (end > dataBytes)
      fail(`tensor ${show(name)}: ends at byte ${end}, but the file holds ${dataBytes} bytes of data`)
    offset = end
  }
  if (offset !== dataBytes) fail(`${dataBytes - offset} bytes after the last tensor, expected none`)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0 && !Object.is(size, -0))
}

/** A value of the file in an error message: short, on one line. */
function show(value: unknown): string {
  let text: string
  try {
    text = JSON.stringify(value)
  } catch {
    return 'a value nested too deeply' // for the stack: JSON.parse itself has no such limit
  }
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}
