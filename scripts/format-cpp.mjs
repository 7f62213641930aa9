// Formats the C++ and CUDA sources by .clang-format; `--check` only names the files that are not so.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { format } from '@wasm-fmt/clang-format'

const root = fileURLToPath(new URL('..', import.meta.url))
const folders = ['cmake', 'cpp', 'test']

/** The C++ and CUDA sources, relative to the root. */
export function cppSources() {
  return folders
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true }).map((file) => path.join(folder, String(file))),
    )
    .filter((file) => /\.([ch]pp|cuh?|h)$/.test(file))
    .sort()
}

/** Formats each source, or only names those that would change. */
export function formatCpp({ check = false } = {}) {
  const style = readFileSync(path.join(root, '.clang-format'), 'utf8')
  const changed = []
  for (const file of cppSources()) {
    const text = readFileSync(path.join(root, file), 'utf8')
    const formatted = format(text, file, style)
    if (formatted === text) continue
    changed.push(file)
    if (!check) writeFileSync(path.join(root, file), formatted)
  }
  return changed
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const check = process.argv.includes('--check')
  const changed = formatCpp({ check })
  for (const file of changed) console.log(check ? `${file} is not formatted` : `formatted ${file}`)
  if (check && changed.length > 0) {
    console.log('npm run format formats them')
    process.exitCode = 1
  }
}
