// The layers of cpp/ as they are: which folder includes which, read from the sources. `node scripts/layers.mjs` prints the picture that
// docs/architecture.md shows, and every line that includes a folder which its own may not know; test/layers.test.ts fails on those.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** From below: a folder knows only those of the rows before its own. Those of one row do not know each other. */
export const rows = [
  ['base'],
  ['ops'],
  ['core'],
  ['autograd', 'graph', 'backends/reference', 'backends/cpu', 'backends/cuda'],
  ['devices'],
  ['binding'],
]

const rowOf = (folder) => rows.findIndex((row) => row.includes(folder))
const folderOf = (file) => rows.flat().find((folder) => file.startsWith(`${folder}/`))

/** Every line with #include that leads from a folder of `root` to another: `{ from, to, file, line, text }`; `from` is undefined for a file in no folder. */
export function includes(root) {
  const found = []
  for (const file of readdirSync(root, { recursive: true })
    .filter((name) => /\.(cpp|hpp|cu|cuh)$/.test(name))
    .sort()) {
    for (const [i, text] of readFileSync(path.join(root, file), 'utf8').split('\n').entries()) {
      const named = /^\s*#\s*include\s+"([^"]+)"/.exec(text)?.[1]
      if (named === undefined) continue
      const beside = path.join(path.dirname(file), named)
      const target = existsSync(path.join(root, beside)) ? beside : path.normalize(named)
      const [from, to] = [folderOf(file), folderOf(target)]
      if (from === undefined || from !== to) found.push({ from, to, file, line: i + 1, text: text.trim() })
    }
  }
  return found
}

/** Those that a folder may not have, as sentences. */
export function wrongArrows(found) {
  return found.flatMap(({ from, to, file, line, text }) => {
    const place = `${file}:${line}: ${text}`
    if (from === undefined) return [`${place}: the file lies in no layer`]
    if (to === undefined) return [`${place}: there is no such file in a layer`]
    return rowOf(to) < rowOf(from) ? [] : [`${place}: ${from} may not know ${to}`]
  })
}

/** The picture, in Mermaid's language: an arrow for each pair of folders, but those that follow from others. */
export function picture(found) {
  const direct = new Map(rows.flat().map((folder) => [folder, new Set()]))
  for (const { from, to } of found) if (from && to) direct.get(from).add(to)
  const reaches = (from, to, seen = new Set()) =>
    !seen.has(from) && [...direct.get(from)].some((next) => next === to || reaches(next, to, seen.add(from)))
  const id = (folder) => `layer_${folder.replace('/', '_')}`
  const lines = ['graph TB', ...rows.flat().map((folder) => `  ${id(folder)}["${folder}"]`)]
  for (const [from, targets] of direct) {
    for (const to of rows.flat().filter((folder) => targets.has(folder))) {
      const isImplied = [...targets].some((other) => other !== to && reaches(other, to))
      if (!isImplied) lines.push(`  ${id(from)} --> ${id(to)}`)
    }
  }
  return lines.join('\n')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const found = includes(path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'cpp'))
  console.log(picture(found))
  const wrong = wrongArrows(found)
  for (const sentence of wrong) console.error(sentence)
  process.exitCode = wrong.length > 0 ? 1 : 0
}
