// Writes a file whole or not at all: whoever reads it sees the old content or the new one, also after a crash.
import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, open, readlink, realpath, rename, stat, unlink } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { textOf } from '../check.js'
import { FormatError, ValueError } from '../errors.js'
import { kindOf } from './regular-file.js'
import { removeAbandoned, temporaryIn } from './temporary-name.js'

/** A single write call is limited to 2 GiB by the system. */
const writeLimit = 2 ** 30
/** As many links in a row as Linux follows. */
const maxLinks = 40

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/**
 * Writes `chunks` to a temporary file in the folder of `file`, syncs it, renames it to `file` and syncs the folder. The file keeps
 * the mode and, where the process may set it, the owner of the one before. A symbolic link stays one: what it leads to is
 * replaced, or made where it is not there yet. On an error the temporary file is removed and `file` keeps what it had; what
 * killed processes left in the folder is removed, too.
 *
 * A character device (`/dev/null`, a terminal) and a FIFO that somebody reads are written to directly.
 * @throws ValueError for a folder, a socket, a block device, and a FIFO that nobody reads; FormatError with the system's code where its folder does not
 * exist or may not be written.
 */
export async function writeFileAtomically(file: string, chunks: Chunks): Promise<void> {
  if (file === '' || file.includes('\0')) throw new ValueError(`the name of a file is ${textOf(file)}, expected a path`)
  const before = await statOrNothing(file)
  if (before && (before.isFIFO() || before.isCharacterDevice())) return writeInto(file, chunks)
  if (before && !before.isFile()) throw new ValueError(`${file}: is ${kindOf(before)}, expected a file to write`)
  const target = await endOfLinks(file)
  const folder = path.dirname(target)
  await removeAbandoned(folder)
  const temporary = temporaryIn(folder)
  const handle = await open(temporary, 'wx', before ? 0o600 : 0o666).catch((cause: NodeJS.ErrnoException) => {
    const why =
      cause.code === 'ENOENT' ? `the folder ${folder} does not exist` : `${cause.code} in the folder ${folder}`
    throw new FormatError(`${file}: cannot be written, since ${why}`, { cause, code: cause.code })
  })
  try {
    try {
      if (before) await resemble(handle, before)
      for await (const chunk of chunks) await writeAll(handle, chunk)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
  await syncFolder(folder)
}

async function statOrNothing(file: string): Promise<Stats | undefined> {
  return stat(file).catch((error) => {
    if (error.code === 'ENOENT') return undefined
    throw new FormatError(`${file}: cannot be written (${error.message})`, { cause: error, code: error.code })
  })
}

/** The path that the last of the links has, whether anything is there or not. */
async function endOfLinks(file: string): Promise<string> {
  const there = await realpath(file).catch(() => undefined)
  if (there !== undefined) return there
  let target = path.resolve(file)
  for (let i = 0; i < maxLinks; i++) {
    const stats = await lstat(target).catch(() => undefined)
    if (!stats?.isSymbolicLink()) return target
    target = path.resolve(await realpath(path.dirname(target)), await readlink(target))
  }
  throw new ValueError(`${file}: more than ${maxLinks} links lead on from here, expected a file to write`)
}

/** Owner first: a change of it takes some bits of the mode away. Not everyone may give a file to another. */
async function resemble(handle: FileHandle, { uid, gid, mode }: Stats): Promise<void> {
  const own = await handle.stat()
  if (own.uid !== uid || own.gid !== gid) {
    await handle
      .chown(uid, gid)
      .catch(() => handle.chown(own.uid, gid))
      .catch(() => {})
  }
  await handle.chmod(mode & 0o7777)
}

async function writeInto(file: string, chunks: Chunks): Promise<void> {
  // Without waiting: a FIFO would hold a thread until somebody reads it.
  const handle = await open(file, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY).catch((cause) => {
    if (cause.code !== 'ENXIO') throw cause
    throw new ValueError(`${file}: nobody reads this FIFO or device, expected a reader before it is written`, { cause })
  })
  try {
    for await (const chunk of chunks) await writeAll(handle, chunk)
  } finally {
    await handle.close()
  }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.byteLength; ) {
    try {
      const { bytesWritten } = await handle.write(chunk, done, Math.min(writeLimit, chunk.byteLength - done))
      done += bytesWritten
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      await setTimeout(2) // the FIFO is full
    }
  }
}

/** Makes the rename itself durable. Windows cannot open a folder, and needs no such call. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
