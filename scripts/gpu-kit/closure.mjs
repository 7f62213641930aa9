// What files and packages a program needs, computed from its imports and from the dependencies that packages name.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** `from 'x'`, `import 'x'`, `import('x')`, and `new URL('./x.js', import.meta.url)`: how our files name others. */
const imports = /(?:\bfrom\s*|\bimport\s*\(?\s*|\bnew URL\(\s*)(['"])([^'"\n]+)\1/g

function specifiers(file) {
  return [...readFileSync(file, 'utf8').matchAll(imports)].map(([, , specifier]) => specifier)
}

/**
 * { files, packages }: all files that the given ones import, and those in turn, themselves included; and the names of the packages that they
 * import.
 */
export function importsOf(entries) {
  const files = new Set()
  const packages = new Set()
  const queue = [...entries]
  while (queue.length > 0) {
    const file = queue.pop()
    if (files.has(file)) continue
    files.add(file)
    if (!/\.m?js$/.test(file)) continue
    for (const specifier of specifiers(file)) {
      if (specifier.startsWith('.')) {
        const target = fileURLToPath(new URL(specifier, pathToFileURL(file)))
        if (/\.\w+$/.test(target) && existsSync(target)) queue.push(target)
      } else if (/^(@[\w.-]+\/)?[\w.-]+(\/|$)/.test(specifier)) {
        packages.add(specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/'))
      }
    }
  }
  return { files: [...files], packages: [...packages] }
}

/** Where Node would find a package that is asked for in `folder`: in the nearest node_modules above. */
function findPackage(name, folder) {
  for (let above = folder; ; above = path.dirname(above)) {
    const found = path.join(above, 'node_modules', name)
    if (existsSync(path.join(found, 'package.json'))) return found
    if (above === path.dirname(above)) return undefined
  }
}

/**
 * The folders of packages and of all that they depend on, nested ones where they lie. Optional dependencies are taken where they are installed.
 * @throws Error that names a dependency which is not installed.
 */
export function packageFolders(root, names) {
  const folders = new Set()
  const queue = names.map((name) => ({ name, from: root, isOptional: false }))
  while (queue.length > 0) {
    const { name, from, isOptional } = queue.pop()
    const folder = findPackage(name, from)
    if (!folder && isOptional) continue
    if (!folder) throw new Error(`${name}, which ${path.relative(root, from) || 'the kit'} needs, is not installed`)
    if (folders.has(folder)) continue
    folders.add(folder)
    const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
    const optional = Object.keys(manifest.optionalDependencies ?? {})
    const peers = Object.keys(manifest.peerDependencies ?? {}).filter((peer) => findPackage(peer, folder))
    const needed = Object.keys(manifest.dependencies ?? {}).filter((each) => !optional.includes(each))
    for (const each of needed) queue.push({ name: each, from: folder, isOptional: false })
    for (const each of [...optional, ...peers]) queue.push({ name: each, from: folder, isOptional: true })
  }
  return [...folders].sort()
}
