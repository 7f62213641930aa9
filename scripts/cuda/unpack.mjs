// Takes libraries out of a wheel (a zip file). All of its directory is looked at before anything is written, and what is written is named by
// the last part of a name that matched a pattern, so that nothing can land elsewhere.
import { createWriteStream, mkdirSync } from 'node:fs'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import yauzl from 'yauzl'
import { Failure, megabytes } from './failure.mjs'

// NVIDIA's wheels unpack to 3 times their length at most.
const MOST_RATIO = 8
const MOST_ENTRIES = 10_000

/** File types in the upper half of the attributes, as Unix has them; 0: not said. */
const type = (entry) => (entry.externalFileAttributes >>> 16) & 0o170000
const FILE = 0o100000
const FOLDER = 0o040000

/** Where an entry goes, or undefined if it is not wanted. */
function destination(name, wheel) {
  const [, library] = /^nvidia\/[a-z0-9_]+\/lib\/([^/]+)$/.exec(name) ?? []
  if (library && wheel.library.test(library)) return library
  return /^[^/]+\.dist-info\/(licenses\/)?licen[cs]e[^/]*$/i.test(name) ? `licenses/${wheel.package}.txt` : undefined
}

/** The entries that are wanted. Throws where anything in the directory is what an honest wheel does not have. */
async function choose(zip, wheel, size) {
  const names = new Set()
  const chosen = new Map()
  let bytes = 0
  for await (const entry of zip.eachEntry()) {
    const name = entry.fileName
    if (names.size >= MOST_ENTRIES) throw new Error(`more than ${MOST_ENTRIES} entries`)
    if (names.has(name)) throw new Error(`two entries are named '${name}'`)
    names.add(name)
    if (![0, FILE, FOLDER].includes(type(entry))) throw new Error(`'${name}' is a link or a device`)
    const to = destination(name, wheel)
    if (!to) continue
    if (!entry.canDecodeFileData()) throw new Error(`'${name}' is encrypted, or packed in an unknown way`)
    if (chosen.has(to)) throw new Error(`two entries would be unpacked to '${to}'`)
    bytes += entry.uncompressedSize
    if (bytes > MOST_RATIO * size) throw new Error(`it would unpack to more than ${megabytes(MOST_RATIO * size)}`)
    chosen.set(to, entry)
  }
  if (![...chosen.keys()].some((name) => wheel.library.test(name)))
    throw new Error('it holds none of the expected libraries')
  return chosen
}

/** Unpacks a wheel's libraries and its licence into a folder of ours; resolves to file → bytes. */
export async function unpack(file, wheel, folder) {
  let zip
  try {
    zip = await yauzl.openPromise(file, { autoClose: false, strictFileNames: true })
    const chosen = await choose(zip, wheel, wheel.size)
    const files = {}
    for (const [to, entry] of chosen) {
      const target = path.join(folder, to)
      mkdirSync(path.dirname(target), { recursive: true })
      await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target, { flags: 'wx' }))
      files[to] = entry.uncompressedSize
    }
    return files
  } catch (error) {
    if (error.syscall) throw error // the disk
    throw new Failure(`${wheel.file} is not a wheel of NVIDIA's: ${error.message}`)
  } finally {
    zip?.close()
  }
}
