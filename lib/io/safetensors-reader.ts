// Reads a .safetensors file into host memory: the header first, then the tensors, whose checksum is compared where there is one.
import type { FileHandle } from 'node:fs/promises'
import { totalmem } from 'node:os'
import type { DType } from '../../types/dtype.js'
import { FormatError } from '../errors.js'
import { type HostArray, typedView } from './host-array.js'
import { readBytes, withRegularFile } from './regular-file.js'
import { checksumKey, checksumOf, digestOf } from './safetensors-checksum.js'
import { type Entry, type Header, maxHeaderBytes, parseHeader } from './safetensors-header.js'

/** Small tensors are read so many bytes at once. */
const readAhead = 2 ** 23

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

/** What a .safetensors file holds. */
export interface SafetensorsContent {
  /** The strings that the file carries beside its tensors. */
  readonly metadata: Readonly<Record<string, string>>
  /** By name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, HostArray>
}

/**
 * The tensors whose name `isWanted` (default: all); `onHeader` sees the metadata before any tensor is read, and may throw.
 * @throws FormatError if the file is cut, hostile, of an unknown type, holds an integer beyond 32 bits, or is not what its checksum says.
 */
export async function readTensorFile(
  file: string,
  {
    isWanted = () => true,
    onHeader,
  }: { isWanted?: (name: string) => boolean; onHeader?: (header: Header) => void } = {},
): Promise<SafetensorsContent> {
  return withHeader(file, async (handle, header, start) => {
    onHeader?.(header)
    const bytes = header.entries.at(-1)?.end ?? 0
    if (bytes > memoryBytes()) throw new FormatError(`${file}: ${bytes} bytes of tensors, more than memory holds`)
    const sum = header.metadata[checksumKey]
    const tensors = new Map<string, HostArray>()
    const checked: { name: string; dtype: string; shape: readonly number[]; digest: string }[] = []
    for (const entries of together(header.entries)) {
      // Where there is a checksum it is one of all tensors.
      if (sum === undefined && !entries.some(({ name }) => isWanted(name))) continue
      const [{ begin }, { end }] = [entries[0]!, entries.at(-1)!]
      const part = await readBytes(handle, start + begin, end - begin, file)
      for (const entry of entries) {
        // Each has memory of its own, aligned for its type.
        const own = entries.length === 1 ? part : part.slice(entry.begin - begin, entry.end - begin)
        if (sum !== undefined) checked.push({ ...entry, digest: await digestOf(own) })
        if (isWanted(entry.name)) tensors.set(entry.name, toArray(own, entry, file))
      }
    }
    if (sum !== undefined) {
      const came = checksumOf(header.metadata, checked)
      if (came !== sum)
        throw new FormatError(`${file}: its content has the checksum ${came}, expected ${sum}: it was changed`)
    }
    return { metadata: header.metadata, tensors }
  })
}

/** Neighbours that are read in one call: one large tensor, or several small ones. */
function* together(entries: readonly Entry[]): Generator<readonly Entry[]> {
  for (let first = 0; first < entries.length; ) {
    const limit = entries[first]!.begin + readAhead
    let next = first + 1
    while (next < entries.length && entries[next]!.end <= limit) next++
    yield entries.slice(first, next)
    first = next
  }
}

/** What the process may use at most. */
function memoryBytes(): number {
  const limit = process.constrainedMemory?.() ?? 0
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}

/** Opens the file, checks its header and hands both to `use`; the data starts at `start`. */
export async function withHeader<T>(
  file: string,
  use: (handle: FileHandle, header: Header, start: number) => Promise<T>,
): Promise<T> {
  return withRegularFile(file, async ({ handle, size }) => {
    if (size < 8) throw new FormatError(`${file}: ${size} bytes, expected at least 8 for the length of the header`)
    const length = new DataView((await readBytes(handle, 0, 8, file)).buffer).getBigUint64(0, true)
    // Compared with what the file has before anything of that size is allocated.
    if (length > BigInt(maxHeaderBytes)) {
      throw new FormatError(
        `${file}: is no safetensors file, or a damaged one (a header of ${length} bytes, expected at most ${maxHeaderBytes})`,
      )
    }
    const start = 8 + Number(length)
    if (start > size) {
      throw new FormatError(`${file}: a header of ${length} bytes, but the file ends after ${size} bytes`)
    }
    const header = parseHeader(await readBytes(handle, 8, start - 8, file), size - start, file)
    return use(handle, header, start)
  })
}

function toArray(bytes: Uint8Array<ArrayBuffer>, entry: Entry, file: string): HostArray {
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
