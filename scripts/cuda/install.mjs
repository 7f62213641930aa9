// Gets the CUDA libraries: downloads and checks every wheel, unpacks them beside their place, and then puts the folder there in one step.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { download, sha256 } from './download.mjs'
import { Failure, megabytes } from './failure.mjs'
import { cudaFolder, isInstalled, makeRecord, readRecord } from './folder.mjs'
import { defaultTiming } from './retry.mjs'
import { findWheel, headersFor } from './simple-index.mjs'
import { unpack } from './unpack.mjs'

/** What the installation asks of the world; a test puts another in its place. */
export const world = {
  fetch: (...args) => fetch(...args),
  timing: defaultTiming,
  /** A line for the user. */
  note: () => {},
  /** So many bytes of a wheel are here. */
  onBytes: () => {},
}

/** Runs `work` alone in a folder. What says so is a socket without a file, which the system takes back from a process that is killed. */
async function alone(folder, work) {
  const name = createHash('sha256').update(realpathSync(folder)).digest('hex').slice(0, 32)
  const lock = createServer((socket) => socket.destroy())
  lock.listen(`\0node-cudnn-${name}`)
  try {
    await once(lock, 'listening')
  } catch (error) {
    if (error.code === 'EADDRINUSE') throw new Failure(`another process is installing into ${folder} already`)
    throw error
  }
  try {
    return await work()
  } finally {
    lock.close()
  }
}

// The libraries take up to 1.8 times their wheels' bytes, and both are there for a while.
function checkSpace(root, wheels, kept) {
  const wanted = wheels.reduce((sum, { size }) => sum + 2.8 * size, 0) - kept
  const { bavail, bsize } = statfsSync(root)
  if (bavail * bsize < wanted)
    throw new Failure(
      `${root} has ${megabytes(bavail * bsize)} left, but ${megabytes(wanted)} are needed; --dir names another folder`,
    )
}

/** Bytes of wheels that an earlier run left. */
function bytesKept(downloads, wheels) {
  const length = (file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0
  return wheels.reduce(
    (sum, { file }) => sum + length(path.join(downloads, file)) + length(path.join(downloads, `${file}.part`)),
    0,
  )
}

/** Every wheel, whole and checked, in `downloads`. */
async function downloadAll(w, wheels, index, downloads) {
  for (const wheel of wheels) {
    const file = path.join(downloads, wheel.file)
    const name = `${wheel.title} ${wheel.version}`
    if (existsSync(file) && (await sha256(file)) === wheel.sha256) {
      w.onBytes(name, wheel.size)
      continue
    }
    rmSync(file, { force: true })
    const url = await findWheel(w, index, wheel)
    await download(w, { name, url, headers: headersFor(index, url), file, size: wheel.size, sha256: wheel.sha256 })
  }
}

/** Unpacks all of them beside `folder`, and puts the result in its place. A process that has the old libraries open keeps them. */
async function unpackAll(w, { cuda, arch, wheels }, downloads, folder) {
  const unfinished = `${folder}.new`
  const replaced = `${folder}.old`
  const clean = () => {
    for (const each of [unfinished, replaced]) rmSync(each, { recursive: true, force: true })
  }
  clean() // what a run left that was killed
  w.note('Unpacking …')
  try {
    mkdirSync(unfinished)
    const files = {}
    for (const wheel of wheels) Object.assign(files, await unpack(path.join(downloads, wheel.file), wheel, unfinished))
    const record = makeRecord(cuda, arch, wheels, files)
    writeFileSync(path.join(unfinished, record.name), record.text)
    if (existsSync(folder)) renameSync(folder, replaced)
    renameSync(unfinished, folder)
  } finally {
    clean()
  }
}

/**
 * Puts the libraries of `wheels` into `root`/cuda-N. Resolves to `{ folder, isNew }`; `isNew` is false if all was there.
 * Nothing is changed there unless all has come, is what it should be, and is unpacked.
 */
export async function installCuda({ index, root, force = false, ...what }, w = world) {
  const { cuda, wheels } = what
  const folder = cudaFolder(cuda, root)
  if (!force && isInstalled(folder, wheels)) return { folder, isNew: false }
  if (!force && existsSync(folder) && !readRecord(folder))
    throw new Failure(`${folder} was not made by node-cudnn cuda install; --force replaces it`)
  const downloads = path.join(root, 'downloads')
  mkdirSync(root, { recursive: true })
  return alone(root, async () => {
    mkdirSync(downloads, { recursive: true })
    try {
      checkSpace(root, wheels, bytesKept(downloads, wheels))
      await downloadAll(w, wheels, index, downloads)
      await unpackAll(w, what, downloads, folder)
      for (const { file } of wheels) rmSync(path.join(downloads, file), { force: true })
      return { folder, isNew: true }
    } finally {
      // parts stay for a later run
      if (readdirSync(downloads).length === 0) rmdirSync(downloads)
    }
  })
}
