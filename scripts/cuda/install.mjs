// Gets the CUDA libraries: downloads and checks every wheel, unpacks them beside their place, and then puts the folder there in one step.
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { download, sha256 } from './download.mjs'
import { Failure, megabytes } from './failure.mjs'
import { cudaFolder, isInstalled, makeRecord } from './folder.mjs'
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

/** Runs `work` alone: a second process that wants to, fails with a sentence. A lock of a process that is gone is taken over. */
async function alone(file, work) {
  const lock = () => {
    const handle = openSync(file, 'wx')
    writeSync(handle, String(process.pid))
    closeSync(handle)
  }
  try {
    lock()
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    const owner = Number(readFileSync(file, 'utf8'))
    if (owner && owner !== process.pid && isAlive(owner))
      throw new Failure(`process ${owner} is installing there already (${file})`)
    rmSync(file, { force: true })
    lock()
  }
  try {
    return await work()
  } finally {
    rmSync(file, { force: true })
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

// The libraries take 1.7 times their wheels, and both are there for a while.
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

/**
 * Puts the libraries of `wheels` into `root`/cuda-N. Resolves to `{ folder, isNew }`; `isNew` is false if all was there.
 * Nothing is changed there unless all has come, is what it should be, and is unpacked.
 */
export async function installCuda({ cuda, arch, wheels, index, root, force = false }, w = world) {
  const folder = cudaFolder(cuda, root)
  if (!force && isInstalled(folder, wheels)) return { folder, isNew: false }
  const downloads = path.join(root, 'downloads')
  mkdirSync(downloads, { recursive: true })
  return alone(path.join(downloads, 'lock'), async () => {
    checkSpace(root, wheels, bytesKept(downloads, wheels))
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

    const unfinished = `${folder}.${process.pid}.new`
    const replaced = `${folder}.${process.pid}.old`
    try {
      rmSync(unfinished, { recursive: true, force: true })
      mkdirSync(unfinished)
      const files = {}
      for (const wheel of wheels)
        Object.assign(files, await unpack(path.join(downloads, wheel.file), wheel, unfinished))
      const record = makeRecord(cuda, arch, wheels, files)
      writeFileSync(path.join(unfinished, record.name), record.text)
      // A process that has the old libraries open keeps them.
      if (existsSync(folder)) renameSync(folder, replaced)
      renameSync(unfinished, folder)
    } finally {
      rmSync(unfinished, { recursive: true, force: true })
      rmSync(replaced, { recursive: true, force: true })
    }
    for (const { file } of wheels) rmSync(path.join(downloads, file), { force: true })
    return { folder, isNew: true }
  }).finally(() => rmEmpty(downloads))
}

function rmEmpty(folder) {
  try {
    rmdirSync(folder)
  } catch {
    // parts for a later run lie there
  }
}
