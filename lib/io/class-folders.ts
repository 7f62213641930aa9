// Lists the files below folders that each stand for a class: links are followed, and each folder and file counts once.
import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { FormatError } from '../errors.js'
import { checkRegular, unreadable } from './regular-file.js'

/** What a path leads to, and which file or folder that is under whatever name (numbers of files need all 64 bits). */
async function look(file: string) {
  const stats = await stat(file, { bigint: true }).catch((cause) => {
    throw unreadable(file, cause)
  })
  return { stats, identity: `${stats.dev}:${stats.ino}` }
}

/**
 * The names of the folders in `root`, and of links to folders, sorted. Names that start with a dot are passed over, and so
 * are links that lead up again, to `root` or a folder around it.
 * @throws FormatError if `root` does not exist, there are none, or a link leads nowhere.
 */
export async function classFolders(root: string): Promise<string[]> {
  const entries = await entriesOf(root).catch((error: FormatError) => {
    if (error.code !== 'ENOENT') throw error
    throw new FormatError(`${root}: does not exist, expected a folder for each class of pictures in it`, {
      cause: error,
      code: error.code,
    })
  })
  const around = await identitiesAround(root)
  const names: string[] = []
  for (const entry of entries) {
    if (entry.name.startsWith('.') || !(entry.isDirectory() || entry.isSymbolicLink())) continue
    const { stats, identity } = await look(path.join(root, entry.name))
    if (stats.isDirectory() && !around.has(identity)) names.push(entry.name)
  }
  if (names.length === 0) throw new FormatError(`${root}: has no folders, expected one for each class of pictures`)
  return names
}

/**
 * The files below each of the folders `names` of `root` whose name `isWanted`, sorted by path; other files are passed over.
 * What is there under several names, in one folder or in two, is listed once: under a name that needs no link if there is
 * one, else under the first.
 * @throws FormatError if a folder cannot be read, a link leads nowhere, or what has a wanted name is no regular file.
 */
export async function listFiles(
  root: string,
  names: readonly string[],
  isWanted: (name: string) => boolean,
): Promise<string[][]> {
  const seen = await identitiesAround(root)
  const found = names.map((): string[] => [])
  /** Links wait until all that is reached without one is listed. */
  const links: Place[] = []

  async function visit({ file, label }: Place, { stats, identity }: Look): Promise<void> {
    if (!stats.isDirectory() && !isWanted(path.basename(file))) return
    if (seen.has(identity)) return
    if (!stats.isDirectory()) checkRegular(file, stats)
    seen.add(identity)
    if (stats.isDirectory()) await list(file, label)
    else found[label]!.push(file)
  }
  async function list(folder: string, label: number): Promise<void> {
    const entries = await entriesOf(folder)
    const places = entries.map((entry) => ({ entry, place: { file: path.join(folder, entry.name), label } }))
    links.push(...places.filter(({ entry }) => entry.isSymbolicLink()).map(({ place }) => place))
    const direct = places.filter(({ entry }) => !entry.isSymbolicLink() && !entry.isDirectory() && isWanted(entry.name))
    for (let i = 0; i < direct.length; i += looksAtOnce) {
      const some = direct.slice(i, i + looksAtOnce).map(({ place }) => place)
      const looks = await Promise.all(some.map(({ file }) => look(file)))
      for (const [k, place] of some.entries()) await visit(place, looks[k]!)
    }
    for (const { entry, place } of places) if (entry.isDirectory()) await visit(place, await look(place.file))
  }

  const all = new Map((await entriesOf(root)).map((entry) => [entry.name, entry]))
  for (const [label, name] of names.entries()) {
    const place = { file: path.join(root, name), label }
    if (all.get(name)?.isSymbolicLink()) links.push(place)
    else await visit(place, await look(place.file))
  }
  for (let i = 0; i < links.length; i++) await visit(links[i]!, await look(links[i]!.file))
  return found.map((files) => files.sort())
}

type Look = Awaited<ReturnType<typeof look>>

interface Place {
  readonly file: string
  /** The number of its class. */
  readonly label: number
}

const looksAtOnce = 64

/** Sorted by name. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause) => {
    throw unreadable(folder, cause)
  })
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** A folder, and all that it is in. */
async function identitiesAround(folder: string): Promise<Set<string>> {
  const found = new Set<string>()
  const start = await realpath(folder).catch(() => path.resolve(folder))
  for (let at = start; ; at = path.dirname(at)) {
    found.add(
      await look(at).then(
        ({ identity }) => identity,
        () => '',
      ),
    )
    if (at === path.dirname(at)) return found
  }
}
