// Reads IDX files, plain or gzipped: the format of MNIST and its relatives (http://yann.lecun.com/exdb/mnist/).
import { readFile } from 'node:fs/promises'
import { promisify, types } from 'node:util'
import { gunzip } from 'node:zlib'
import type { DType } from '../../types/dtype.js'
import { type Checks, checkOptions, checkString, integerFrom, refuse } from '../check.js'
import { FormatError } from '../errors.js'
import { allocate, elementsOf, type HostArray } from '../io/host-array.js'

const gunzipAsync = promisify(gunzip)

/** By the third byte of the file: the type in memory, bytes of an element in the file, how one is read. */
const elements: Readonly<
  Record<number, { dtype: DType; bytes: number; read: (view: DataView, at: number) => number }>
> = {
  8: { dtype: 'uint8', bytes: 1, read: (view, at) => view.getUint8(at) },
  9: { dtype: 'int32', bytes: 1, read: (view, at) => view.getInt8(at) },
  11: { dtype: 'int32', bytes: 2, read: (view, at) => view.getInt16(at) },
  12: { dtype: 'int32', bytes: 4, read: (view, at) => view.getInt32(at) },
  13: { dtype: 'float32', bytes: 4, read: (view, at) => view.getFloat32(at) },
  14: { dtype: 'float64', bytes: 8, read: (view, at) => view.getFloat64(at) },
}
const maxRank = 8

export interface ReadIdxOptions {
  /** The most that is unpacked. Default 2 GiB. */
  maxBytes?: number
}

const idxChecks: Checks<ReadIdxOptions> = { maxBytes: integerFrom(1) }

/**
 * Reads an IDX file; one that starts like gzip is unpacked, up to `maxBytes` (default 2 GiB).
 * @throws FormatError if it is not one, cut, or longer than its header says.
 * @example const images = await readIdx('train-images-idx3-ubyte.gz')  // { dtype: 'uint8', shape: [60000, 28, 28], data }
 */
export async function readIdx(file: string, options: ReadIdxOptions = {}): Promise<HostArray> {
  checkString('readIdx', 'file', file)
  const { maxBytes = 2 ** 31 } = checkOptions('readIdx', options, idxChecks)
  return parseIdx(await unpack(await readFile(file), file, maxBytes), file)
}

/** Gzip's content, or the bytes themselves where they are not gzip. */
export async function unpack(bytes: Uint8Array, file: string, maxBytes: number): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  try {
    return await gunzipAsync(bytes, { maxOutputLength: maxBytes })
  } catch (cause) {
    throw new FormatError(`${file}: cannot be unpacked (${(cause as Error).message}), expected whole gzip data`, {
      cause,
    })
  }
}

/**
 * The array in the bytes of an IDX file.
 * @throws FormatError as {@link readIdx}; `file` is its name in the message.
 */
export function parseIdx(bytes: Uint8Array, file: string): HostArray {
  if (!types.isUint8Array(bytes)) refuse('parseIdx', 'bytes', bytes, 'a Uint8Array')
  checkString('parseIdx', 'file', file)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 4) throw new FormatError(`${file}: ${bytes.length} bytes, expected an IDX header of at least 4`)
  const element = elements[bytes[2]!]
  if (bytes[0] !== 0 || bytes[1] !== 0 || !element) {
    const magic = Buffer.from(bytes.subarray(0, 4)).toString('hex')
    throw new FormatError(`${file}: starts with ${magic}, expected an IDX header (0000, type 08 … 0e, dimensions)`)
  }
  const rank = bytes[3]!
  if (rank > maxRank) throw new FormatError(`${file}: ${rank} dimensions, expected at most ${maxRank}`)
  const start = 4 + 4 * rank
  if (bytes.length < start) {
    throw new FormatError(`${file}: ${bytes.length} bytes, expected ${start} for the header of ${rank} dimensions`)
  }
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i))
  const length = elementsOf(shape)
  // Checked before anything of the claimed size is allocated.
  if (bytes.length - start !== length * element.bytes) {
    throw new FormatError(
      `${file}: ${bytes.length - start} bytes of data, expected ${length * element.bytes} for [${shape.join(', ')}]`,
    )
  }
  const data = allocate(element.dtype, length)
  if (element.dtype === 'uint8') data.set(bytes.subarray(start))
  else for (let i = 0; i < length; i++) data[i] = element.read(view, start + i * element.bytes)
  return { dtype: element.dtype, shape, data }
}
