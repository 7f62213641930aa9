// What a binary asks of the machine that opens it: libraries by name, and versions of symbols. Read by readelf, which knows all processors.
import { execFileSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import path from 'node:path'

/** Every Linux with glibc that runs Node has these: Node itself needs them. */
const given = /^(lib(c|m|dl|pthread|rt|gcc_s|stdc\+\+)\.so\.|ld-linux)/

/** `needed`: names of libraries; `versions`: the newest version of each kind of symbols, { GLIBC: '2.34' }; `folders`: where it looks by itself. */
export function inspect(file) {
  const text = execFileSync('readelf', ['-dVW', file], { encoding: 'utf8', maxBuffer: 1 << 28 })
  const all = (pattern) => [...text.matchAll(pattern)].map((match) => match.slice(1))
  const versions = {}
  for (const [kind, version] of all(/Name: (GLIBC|GLIBCXX)_([\d.]+)/g)) {
    if (!versions[kind] || compareVersions(version, versions[kind]) > 0) versions[kind] = version
  }
  return {
    needed: all(/\(NEEDED\).*\[(.*)\]/g).flat(),
    folders: all(/\(R(?:UN)?PATH\).*\[(.*)\]/g).flatMap(([list]) => list.split(':')),
    versions,
  }
}

export function compareVersions(a, b) {
  const [left, right] = [a, b].map((each) => each.split('.').map(Number))
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference) return difference
  }
  return 0
}

/** The newest of each kind over several binaries. */
export function newest(all) {
  const result = {}
  for (const versions of all) {
    for (const [kind, version] of Object.entries(versions)) {
      if (!result[kind] || compareVersions(version, result[kind]) > 0) result[kind] = version
    }
  }
  return result
}

/**
 * The libraries that must go along with the binaries: all that they need, and those need in turn, but for what every machine has. A map from
 * the name that is asked for to the file, sought in `folders`.
 */
export function librariesOf(binaries, folders) {
  const found = new Map()
  const own = new Set(binaries.map((file) => path.basename(file)))
  const queue = [...binaries]
  while (queue.length > 0) {
    const file = queue.pop()
    for (const name of inspect(file).needed) {
      if (given.test(name) || own.has(name) || found.has(name)) continue
      const lies = folders.map((folder) => path.join(folder, name)).find((each) => existsSync(each))
      if (!lies) throw new Error(`${file} needs ${name}, which is in none of ${folders.join(', ')}`)
      found.set(name, realpathSync(lies))
      queue.push(lies)
    }
  }
  return found
}
