// The layers of cpp/ and of lib/ as they are: which folder includes or imports which, read from the sources. `node scripts/layers.mjs` prints
// the pictures that docs/architecture.md shows, and every line that leads to a folder which its own may not know; test/layers.test.ts fails on those.
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

/** The same of lib/ and types/. A file without a folder of its own belongs to the part that names it. */
export const libRows = [
  ['types'],
  ['base'],
  ['native'],
  ['tensor'],
  ['functional'],
  ['creation'],
  ['compile'],
  ['nn', 'optim', 'data'],
  ['blocks'],
  ['models', 'train'],
  ['index'],
]

/** What runs without the addon; the addon; tensors and what follows them; what makes, keeps and runs them. */
const libFiles = {
  base: ['addon-file', 'check', 'errors', 'guards', 'marks', 'positional', 'sites', 'unread-failures', 'values-text'],
  native: ['native'],
  tensor: ['autocast', 'devices', 'holders', 'host-data', 'tensor', 'tidy', 'tracing', 'warnings'],
  creation: ['creation', 'io/upload', 'safetensors'],
  compile: ['compile', 'grad-scaler', 'profile'],
  index: ['index'],
}

/** The part of a file such as `lib/nn/conv.ts`. */
function partOf(file) {
  const [top, ...rest] = file.replace(/\.ts$/, '').split('/')
  if (top === 'types') return 'types'
  const named = Object.keys(libFiles).find((part) => libFiles[part].includes(rest.join('/')))
  if (named !== undefined) return named
  const folder = rest.length > 1 ? rest[0] : undefined
  if (folder === 'io') return 'base'
  return libRows.flat().find((part) => part === folder)
}

const rowOf = (folder, of) => of.findIndex((row) => row.includes(folder))
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

/**
 * Every import or export of lib/ and types/ from a file of theirs, as `includes` has it, and the file it leads to. One of types alone
 * (`import type`) is left out: it is gone when the code runs.
 */
export function imports(root) {
  const found = []
  const files = ['lib', 'types'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true }).map((name) => `${folder}/${name}`),
  )
  for (const file of files.filter((name) => name.endsWith('.ts')).sort()) {
    const source = readFileSync(path.join(root, file), 'utf8')
    for (const match of source.matchAll(/^(?:import|export)(?! type\b)(?:\s[^;'"`()=]*?\bfrom)? '(\.[^']+)'/gm)) {
      const target = path.join(path.dirname(file), match[1]).replace(/\.js$/, '.ts')
      const line = source.slice(0, match.index).split('\n').length
      found.push({ from: partOf(file), to: partOf(target), file, target, line, text: `'${match[1]}'` })
    }
  }
  return found
}

/** Files that import each other in a ring, each ring once: `a.ts → b.ts → a.ts`. Which of them is loaded first decides what the others see. */
export function rings(found) {
  const targets = new Map()
  for (const each of found) targets.set(each.file, [...(targets.get(each.file) ?? []), each])
  const rings = []
  const done = new Set()
  const visit = (file, above) => {
    const at = above.indexOf(file)
    if (at >= 0) rings.push([...above.slice(at), file].join(' → '))
    if (at >= 0 || done.has(file)) return
    for (const { target } of targets.get(file) ?? []) visit(target, [...above, file])
    done.add(file)
  }
  for (const file of targets.keys()) visit(file, [])
  return rings
}

/** Those that a folder may not have, as sentences. */
export function wrongArrows(found, of = rows) {
  return found.flatMap(({ from, to, file, line, text }) => {
    const place = `${file}:${line}: ${text}`
    if (from === undefined) return [`${place}: the file lies in no layer`]
    if (to === undefined) return [`${place}: there is no such file in a layer`]
    return from === to || rowOf(to, of) < rowOf(from, of) ? [] : [`${place}: ${from} may not know ${to}`]
  })
}

/** The picture, in Mermaid's language: an arrow for each pair of folders, but those that follow from others. */
export function picture(found, of = rows) {
  const direct = new Map(of.flat().map((folder) => [folder, new Set()]))
  for (const { from, to } of found) if (from && to && from !== to) direct.get(from).add(to)
  const reaches = (from, to, seen = new Set()) =>
    !seen.has(from) && [...direct.get(from)].some((next) => next === to || reaches(next, to, seen.add(from)))
  const id = (folder) => `layer_${folder.replace('/', '_')}`
  const lines = ['graph TB', ...of.flat().map((folder) => `  ${id(folder)}["${folder}"]`)]
  for (const [from, targets] of direct) {
    for (const to of of.flat().filter((folder) => targets.has(folder))) {
      const isImplied = [...targets].some((other) => other !== to && reaches(other, to))
      if (!isImplied) lines.push(`  ${id(from)} --> ${id(to)}`)
    }
  }
  return lines.join('\n')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
  const [native, own] = [includes(path.join(root, 'cpp')), imports(root)]
  console.log(`${picture(native)}\n\n${picture(own, libRows)}`)
  const wrong = [...wrongArrows(native), ...wrongArrows(own, libRows), ...rings(own)]
  for (const sentence of wrong) console.error(sentence)
  process.exitCode = wrong.length > 0 ? 1 : 0
}
