// Writes a file whole or not at all: whoever reads it sees the old content or the new one, also after a crash.
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, realpath, rename, unlink } from 'node:fs/promises'
import path from 'node:path'

/** A single write call is limited to 2 GiB by the system. */
const writeLimit = 2 ** 30

/**
 * Writes `chunks` to a temporary file in the folder of `file`, syncs it, renames it to `file` and syncs the folder.
 * On an error the temporary file is removed and `file` keeps what it had. A symbolic link stays one: its target is replaced.
 */
export async function writeFileAtomically(
  file: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const target = await realpath(file).catch(() => path.resolve(file))
  const folder = path.dirname(target)
  const temporary = path.join(folder, `.${path.basename(target)}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`)
  const handle = await open(temporary, 'wx', 0o666)
  try {
    try {
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

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.byteLength; ) {
    const { bytesWritten } = await handle.write(chunk, done, Math.min(writeLimit, chunk.byteLength - done))
    done += bytesWritten
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
