// A short text that changes when any of the given files or folders changes; reads names, sizes and times, not contents.
import { createHash } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'

function* walk(file) {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (!stat) yield `${file} absent`
  else if (!stat.isDirectory()) yield `${file} ${stat.size} ${stat.mtimeMs}`
  else for (const name of readdirSync(file).sort()) yield* walk(path.join(file, name))
}

/** Paths are relative to the root; `facts` are further texts that matter. The root's own path counts, too. */
export function fingerprint(root, files, facts = []) {
  const hash = createHash('sha256').update([root, ...facts].join('\0'))
  for (const file of files) for (const line of walk(path.join(root, file))) hash.update(`\n${line}`)
  return hash.digest('hex').slice(0, 16)
}
