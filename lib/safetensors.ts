// Reads and writes .safetensors files (https://huggingface.co/docs/safetensors), safely for files from anywhere.
import { type FileHandle, open } from 'node:fs/promises'
import type { DeviceName, DType } from '../types/dtype.js'
import { checkObject, checkOptions, checkString } from './check.js'
import { FormatError } from './errors.js'
import { checkTensor } from './functional/arguments.js'
import { writeFileAtomically } from './io/atomic-file.js'
import { bytesPerElement, type HostArray, typedView } from './io/host-array.js'
import { type Entry, formatHeader, type Header, maxHeaderBytes, parseHeader } from './io/safetensors-header.js'
import { upload } from './io/upload.js'
import { native } from './native.js'
import type { Tensor } from './tensor.js'

/** A single read call is limited to 2 GiB by the system. */
const readLimit = 2 ** 30

const memoryDTypes = {
  F32: 'float32',
  F64: 'float64',
  F16: 'float16',
  BF16: 'bfloat16',
  I32: 'int32',
  I64: 'int32',
  U8: 'uint8',
  BOOL: 'bool',
} as const satisfies Record<Entry['dtype'], DType>

/** What {@link readSafetensors} gives. */
export interface SafetensorsContent {
  /** The strings that the file carries beside its tensors. */
  readonly metadata: Readonly<Record<string, string>>
  /** By name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, HostArray>
}

/**
 * Reads a .safetensors file into host memory. 64-bit integers become int32.
 * @throws FormatError if the file is cut, hostile, of an unknown type, or holds an integer beyond 32 bits.
 * @example const { metadata, tensors } = await readSafetensors('net.safetensors')
 */
export async function readSafetensors(file: string): Promise<SafetensorsContent> {
  return withHeader(file, async (handle, header, start) => {
    const tensors = new Map<string, HostArray>()
    for (const entry of header.entries) tensors.set(entry.name, await readEntry(handle, entry, start, file))
    return { metadata: header.metadata, tensors }
  })
}

/**
 * Reads the metadata of a .safetensors file alone.
 * @throws FormatError as {@link readSafetensors}.
 */
export async function readSafetensorsMetadata(file: string): Promise<Readonly<Record<string, string>>> {
  return withHeader(file, async (_handle, header) => header.metadata)
}

/**
 * Loads the tensors of a .safetensors file onto `device` (default: the default device).
 * @throws FormatError as {@link readSafetensors}.
 * @example net.loadStateDict(await loadSafetensors('net.safetensors'))
 */
export async function loadSafetensors(
  file: string,
  options: { device?: DeviceName } = {},
): Promise<Record<string, Tensor>> {
  const { device } = checkOptions('loadSafetensors', options, { device: checkString })
  const { tensors } = await readSafetensors(file)
  return Object.fromEntries([...tensors].map(([name, array]) => [name, upload(array, device)]))
}

/**
 * Writes tensors to a .safetensors file that this library, Python and every other reader of the format opens.
 * The values are those of the moment of the call. The file appears whole or not at all: on an error or a crash the
 * one that was there before stays. Tensors are ordered by element size and name, so equal content gives equal bytes.
 * @example await saveSafetensors('net.safetensors', net.stateDict(), { metadata: { epoch: '3' } })
 */
export async function saveSafetensors(
  file: string,
  tensors: Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor>,
  options: { metadata?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const { metadata = {} } = checkOptions('saveSafetensors', options, { metadata: checkObject })
  checkString('saveSafetensors', 'file', file)
  checkObject('saveSafetensors', 'tensors', tensors)
  const named = tensors instanceof Map ? [...tensors] : Object.entries(tensors as Record<string, Tensor>)
  for (const [name, tensor] of named) {
    checkString('saveSafetensors', 'a name', name)
    checkTensor('saveSafetensors', name, tensor)
  }
  // All reads are queued at once, before any later op can overwrite a tensor.
  const arrays = await Promise.all(
    named.map(async ([name, tensor]) => {
      const { dtype, shape } = tensor
      // The bytes as they are: `data()` would widen half precision.
      return { name, dtype, shape, data: new Uint8Array(await native.read(tensor.handle)) }
    }),
  )
  await writeSafetensors(file, arrays, metadata)
}

async function writeSafetensors(
  file: string,
  arrays: { name: string; dtype: DType; shape: readonly number[]; data: Uint8Array }[],
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  checkNames(arrays, metadata)
  // Large elements first, as the reference implementation does: every tensor is then aligned for its type.
  arrays.sort((a, b) => bytesPerElement[b.dtype] - bytesPerElement[a.dtype] || (a.name < b.name ? -1 : 1))
  const header = formatHeader(
    arrays.map(({ data, ...entry }) => ({ ...entry, bytes: data.byteLength })),
    metadata,
  )
  const length = new Uint8Array(8)
  new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true)
  await writeFileAtomically(file, [length, header, ...arrays.map(({ data }) => data)])
}

function checkNames(arrays: readonly { name: string }[], metadata: Readonly<Record<string, string>>): void {
  for (const { name } of arrays) {
    if (name === '__metadata__' || name === '__proto__') {
      throw new FormatError(`saveSafetensors: a tensor named ${JSON.stringify(name)}, expected another name`)
    }
  }
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string' || key === '__proto__') {
      throw new FormatError(`saveSafetensors: metadata ${JSON.stringify(key)} is ${typeof value}, expected a string`)
    }
  }
}

async function withHeader<T>(
  file: string,
  use: (handle: FileHandle, header: Header, start: number) => Promise<T>,
): Promise<T> {
  checkString('readSafetensors', 'file', file)
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    if (size < 8) throw new FormatError(`${file}: ${size} bytes, expected at least 8 for the length of the header`)
    const length = new DataView((await readBytes(handle, 0, 8, file)).buffer).getBigUint64(0, true)
    // Compared with what the file has before anything of that size is allocated.
    if (length > BigInt(maxHeaderBytes)) {
      throw new FormatError(`${file}: a header of ${length} bytes, expected at most ${maxHeaderBytes}`)
    }
    const start = 8 + Number(length)
    if (start > size) {
      throw new FormatError(`${file}: a header of ${length} bytes, but the file ends after ${size} bytes`)
    }
    const header = parseHeader(await readBytes(handle, 8, start - 8, file), size - start, file)
    return await use(handle, header, start)
  } finally {
    await handle.close()
  }
}

async function readEntry(handle: FileHandle, entry: Entry, start: number, file: string): Promise<HostArray> {
  const bytes = await readBytes(handle, start + entry.begin, entry.end - entry.begin, file)
  const dtype = memoryDTypes[entry.dtype]
  if (entry.dtype === 'I64') {
    return { dtype, shape: entry.shape, data: toInt32(new BigInt64Array(bytes.buffer), entry.name, file) }
  }
  if (entry.dtype === 'BOOL') {
    const wrong = bytes.find((byte) => byte > 1)
    if (wrong !== undefined) {
      throw new FormatError(`${file}: tensor ${JSON.stringify(entry.name)}: a BOOL byte ${wrong}, expected 0 or 1`)
    }
  }
  return { dtype, shape: entry.shape, data: typedView(dtype, bytes.buffer) }
}

async function readBytes(handle: FileHandle, position: number, length: number, file: string) {
  const bytes = new Uint8Array(new ArrayBuffer(length))
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, Math.min(readLimit, length - done), position + done)
    if (bytesRead === 0) throw new FormatError(`${file}: ended at byte ${position + done}: it was cut while being read`)
    done += bytesRead
  }
  return bytes
}

function toInt32(values: BigInt64Array, name: string, file: string): Int32Array {
  const result = new Int32Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i])
    if (value !== (value | 0)) {
      throw new FormatError(`${file}: tensor ${JSON.stringify(name)}: ${values[i]} at ${i}, expected a 32-bit integer`)
    }
    result[i] = value
  }
  return result
}
