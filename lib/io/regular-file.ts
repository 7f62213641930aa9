// Opens and reads regular files only: what is read here never waits for a FIFO, never drains a device, and is of bounded size.
import { constants, type Stats, type StatsBase } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { FormatError } from '../errors.js'

/** A single read call is limited to 2 GiB by the system. */
const readLimit = 2 ** 30

/** A FIFO that takes the file's place between the two looks at it is opened without waiting for its other end. */
const openFlags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0)

/** A file that is open for reading, and its size at that moment. */
export interface OpenFile {
  readonly handle: FileHandle
  readonly size: number
}

/** What a path leads to, in words. */
export function kindOf(stats: StatsBase<number> | StatsBase<bigint>): string {
  if (stats.isFile()) return 'a regular file'
  if (stats.isDirectory()) return 'a folder'
  if (stats.isFIFO()) return 'a FIFO'
  if (stats.isSocket()) return 'a socket'
  if (stats.isCharacterDevice()) return 'a character device'
  if (stats.isBlockDevice()) return 'a block device'
  return 'something else'
}

/** The typed error for what the system refused; `code` is the system's. */
export function unreadable(file: string, cause: unknown): FormatError {
  const { message, code } = cause as NodeJS.ErrnoException
  return new FormatError(`${file}: cannot be read (${message}), expected a regular file`, { cause, code })
}

/**
 * What `file` leads to, links followed; nothing is opened.
 * @throws FormatError, with the system's `code`, if there is nothing or it may not be seen.
 */
export async function statOf(file: string): Promise<Stats> {
  return stat(file).catch((cause) => {
    throw unreadable(file, cause)
  })
}

/** @throws FormatError for anything but a regular file. */
export function checkRegular(file: string, stats: StatsBase<number> | StatsBase<bigint>): void {
  if (!stats.isFile()) throw new FormatError(`${file}: is ${kindOf(stats)}, expected a regular file`)
}

/**
 * Opens a regular file for reading and hands it to `use`; it is closed afterwards.
 * @throws FormatError if it is absent, may not be read, or is anything but a regular file (links are followed).
 */
export async function withRegularFile<Result>(
  file: string,
  use: (opened: OpenFile) => Promise<Result>,
): Promise<Result> {
  // Looked at before it is opened: opening some devices does something already.
  checkRegular(file, await statOf(file))
  const handle = await open(file, openFlags).catch((cause) => {
    throw unreadable(file, cause)
  })
  try {
    const stats = await handle.stat()
    checkRegular(file, stats)
    return await use({ handle, size: stats.size })
  } finally {
    await handle.close()
  }
}

/**
 * The content of a regular file, as long as it was when it was opened.
 * @throws FormatError as {@link withRegularFile}, and for more than `maxBytes` bytes.
 */
export async function readRegularFile(file: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  return withRegularFile(file, async ({ handle, size }) => {
    if (size > maxBytes) throw new FormatError(`${file}: ${size} bytes, expected at most ${maxBytes}`)
    return readBytes(handle, 0, size, file)
  })
}

/**
 * `length` bytes from `position` on.
 * @throws FormatError if the file has become shorter, cannot be read, or memory does not hold so much.
 */
export async function readBytes(
  handle: FileHandle,
  position: number,
  length: number,
  file: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = hostBytes(length, file)
  for (let done = 0; done < length; ) {
    const size = Math.min(readLimit, length - done)
    const { bytesRead } = await handle.read(bytes, done, size, position + done).catch((cause) => {
      throw unreadable(file, cause)
    })
    if (bytesRead === 0) throw new FormatError(`${file}: ended at byte ${position + done}: it was cut while being read`)
    done += bytesRead
  }
  return bytes
}

function hostBytes(length: number, file: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(new ArrayBuffer(length))
  } catch (cause) {
    throw new FormatError(`${file}: ${length} bytes at once are more than memory holds`, { cause })
  }
}
