// Reads IDX files, plain or gzipped: the format of MNIST and its relatives (http://yann.lecun.com/exdb/mnist/).
import { promisify, types } from 'node:util'
import { constants, gunzip } from 'node:zlib'
import type { DType } from '../../types/dtype.js'
import { type Checks, checkOptions, checkString, integerFrom, refuse } from '../check.js'
import { FormatError } from '../errors.js'
import { allocate, elementsOf, type HostArray } from '../io/host-array.js'
import { readRegularFile } from '../io/regular-file.js'

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

const maxHeaderBytes = 4 + 4 * maxRank

/** Options of {@link readIdx}. */
export interface ReadIdxOptions {
  /** The most bytes that the file may have, packed or unpacked. Default 2 GiB. */
  maxBytes?: number
}

const idxChecks: Checks<ReadIdxOptions> = { maxBytes: integerFrom(1) }

/**
 * Reads an IDX file; one that starts like gzip is unpacked. Neither the file nor what it unpacks to may have more than
 * `maxBytes` (default 2 GiB), and no more is unpacked than its header asks for.
 * @throws FormatError if it is not one, cut, longer than its header says, or no regular file.
 * @see http://yann.lecun.com/exdb/mnist/
 * @example const images = await data.readIdx('train-images-idx3-ubyte.gz') // { dtype: 'uint8', shape: [60000, 28, 28], data }
 */
export async function readIdx(file: string, options: ReadIdxOptions = {}): Promise<HostArray> {
  checkString('readIdx', 'file', file)
  const { maxBytes = 2 ** 31 } = checkOptions('readIdx', options, idxChecks)
  const bytes = await readRegularFile(file, maxBytes)
  if (!isGzip(bytes)) return parseIdx(bytes, file)
  const { length } = headerOf(await unpackStart(bytes, file), `${file}: cannot be unpacked`)
  if (length > maxBytes) {
    throw new FormatError(`${file}: cannot be unpacked: a header for ${length} bytes, expected at most ${maxBytes}`)
  }
  return parseIdx(await unpack(bytes, file, length), file)
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

/** Gzip's content, or the bytes themselves where they are not gzip. */
export async function unpack(bytes: Uint8Array, file: string, maxBytes: number): Promise<Uint8Array> {
  if (!isGzip(bytes)) return bytes
  try {
    return await gunzipAsync(bytes, { maxOutputLength: Math.max(maxBytes, 1) })
  } catch (cause) {
    const isTooLong = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    const reason = isTooLong ? `more than ${maxBytes} bytes come out` : (cause as Error).message
    throw new FormatError(`${file}: cannot be unpacked (${reason}), expected whole gzip data`, { cause })
  }
}

/** The first bytes of gzip's content: at least an IDX header, if it has one, and no more than a few megabytes. */
async function unpackStart(bytes: Uint8Array, file: string): Promise<Uint8Array> {
  try {
    return await gunzipAsync(bytes.subarray(0, 4096), { finishFlush: constants.Z_SYNC_FLUSH })
  } catch {
    return unpack(bytes, file, maxHeaderBytes) // a member of gzip that is not whole, or broken: says which
  }
}

/**
 * The array that the bytes of an IDX file hold. `file` is its name in messages.
 * @throws FormatError as {@link readIdx}.
 * @see http://yann.lecun.com/exdb/mnist/
 * @example const labels = data.parseIdx(new Uint8Array([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]), 'labels') // shape [2]
 */
export function parseIdx(bytes: Uint8Array, file: string): HostArray {
  if (!types.isUint8Array(bytes)) refuse('parseIdx', 'bytes', bytes, 'a Uint8Array')
  checkString('parseIdx', 'file', file)
  const { view, element, shape, start, length: whole } = headerOf(bytes, file)
  const length = elementsOf(shape)
  // Checked before anything of the claimed size is allocated.
  if (bytes.length !== whole) {
    throw new FormatError(
      `${file}: ${bytes.length - start} bytes of data, expected ${whole - start} for [${shape.join(', ')}]`,
    )
  }
  const data = allocate(element.dtype, length)
  if (element.dtype === 'uint8') data.set(bytes.subarray(start))
  else for (let i = 0; i < length; i++) data[i] = element.read(view, start + i * element.bytes)
  return { dtype: element.dtype, shape, data }
}

/** What the header says; `length` is that of the whole file in bytes. */
function headerOf(bytes: Uint8Array, file: string) {
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
  return { view, element, shape, start, length: start + elementsOf(shape) * element.bytes }
}
