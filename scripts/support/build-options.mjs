// What a person told the build, by argument or environment, kept in `.build-options.json` beside build/: a build folder that is deleted is
// made anew with the same options. Options that set-up chooses by itself are not kept.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** The options that are kept. WERROR and the like are of one run. */
export const lasting = [
  'WITH_ONEDNN',
  'ONEDNN_ROOT',
  'WITH_CUDA',
  'CUDNN_ROOT',
  'CUDA_ARCHITECTURES',
  'CPU_LEVELS',
  'CMAKE_CUDA_HOST_COMPILER',
]

const FILE = '.build-options.json'
const fileOf = (root) => path.join(root, FILE)

/** The kept options by name. A path that is gone is left out. */
export function keptOptions(root) {
  let kept = {}
  try {
    kept = JSON.parse(readFileSync(fileOf(root), 'utf8'))
  } catch {
    // nothing was told yet
  }
  return Object.fromEntries(
    lasting.filter((name) => kept[name] && stillHolds(kept[name])).map((name) => [name, kept[name]]),
  )
}

/** False for a path that is gone. */
export const stillHolds = (value) => !path.isAbsolute(value) || existsSync(value)

/** Keeps those of these definitions (`NAME=VALUE`) that last. */
export function keepOptions(root, definitions) {
  const before = keptOptions(root)
  const told = definitions.map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)])
  const after = { ...before, ...Object.fromEntries(told.filter(([name]) => lasting.includes(name))) }
  if (JSON.stringify(after) !== JSON.stringify(before)) writeFileSync(fileOf(root), `${JSON.stringify(after)}\n`)
}

/** The kept options as definitions. */
export const asDefinitions = (options) => Object.entries(options).map(([name, value]) => `${name}=${value}`)

/** A sentence for the screen about kept options that nobody named now; undefined without any. */
export function sayKept(options, named = []) {
  const names = new Set(named.map((each) => each.split('=')[0]))
  const silent = asDefinitions(options).filter((each) => !names.has(each.split('=')[0]))
  return silent.length > 0 ? `${silent.join(' ')}, as told before (kept in ${FILE}; delete it to forget)` : undefined
}
