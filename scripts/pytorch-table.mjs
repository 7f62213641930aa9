// Writes docs/pytorch.md: PyTorch's names that concern convolutional networks (pytorch/names.json, made by pytorch/names.py) and what stands for
// each here, read from what the package exports. `npm run docs:pytorch` writes the page; test/pytorch-table.test.ts fails where it is stale.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { others } from './pytorch/others.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const read = (file) => readFileSync(path.join(root, file), 'utf8')

/** `conv_transpose2d` → `convTranspose2d`. */
const camel = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase())

/** Every name of an object and of what it inherits. */
function namesOf(object) {
  const names = new Set()
  for (let each = object; each && each !== Object.prototype; each = Object.getPrototypeOf(each)) {
    for (const name of Object.getOwnPropertyNames(each)) names.add(name)
  }
  return names
}

/** PyTorch's space → where its names are here: the text before a name, and the names that are there. */
function placesOf(api) {
  const tensor = namesOf(api.Tensor.prototype)
  const functional = new Set(Object.keys(api.functional))
  return {
    nn: { before: 'nn.', names: new Set(Object.keys(api.nn)) },
    'nn.functional': { before: 'F.', names: functional },
    optim: { before: 'optim.', names: new Set(Object.keys(api.optim)) },
    'optim.lr_scheduler': { before: 'optim.', names: new Set(Object.keys(api.optim)) },
    Tensor: { before: 'x.', names: tensor, orElse: { before: 'F.', names: functional } },
  }
}

/** The names of ours that an example uses and that do not exist. */
export function unknownNames(text, api) {
  const known = { F: Object.keys(api.functional), nn: Object.keys(api.nn), optim: Object.keys(api.optim) }
  const wrong = [...text.matchAll(/\b(F|nn|optim)\.(\w+)/g)].filter(([, space, name]) => !known[space].includes(name))
  const tensor = namesOf(api.Tensor.prototype)
  const methods = [...text.matchAll(/(?:\b[xyab]|\))\.(\w+)/g)].filter(
    ([, name]) => !tensor.has(name) && !['startsWith', 'map'].includes(name),
  )
  return [...wrong, ...methods].map(([all]) => all)
}

/** Sections of docs/differences.md, with the names that stand in backticks in each. */
function differences() {
  return read('docs/differences.md')
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const title = section.slice(0, section.indexOf('\n'))
      const names = [...section.matchAll(/`([A-Za-z_0-9]+)`/g)].map(([, name]) => name.toLowerCase())
      return { title, names: new Set(names) }
    })
}

/** One row: how ours stands to a name of PyTorch's. `state` is same, other, composed or missing. */
export function row(space, name, places) {
  const { before, names, orElse } = places[space]
  const other = others[space]?.[name]
  const ours = camel(name)
  if (names.has(ours)) return { name, state: 'same', ours: `${before}${ours}` }
  if (names.has(name)) return { name, state: 'same', ours: `${before}${name}` }
  if (other?.is) return { name, state: 'other', ours: other.is }
  if (other?.by) return { name, state: 'composed', ours: other.by }
  if (orElse?.names.has(ours)) return { name, state: 'other', ours: `${orElse.before}${ours}(x)` }
  return { name, state: 'missing' }
}

const words = { same: 'yes', other: 'under another name', composed: 'composed', missing: '**missing**' }

/** The page, as Markdown. */
export function page(api) {
  const { pytorch, names, leftOut } = JSON.parse(read('scripts/pytorch/names.json'))
  const places = placesOf(api)
  const sections = differences()
  const lines = []
  const total = { same: 0, other: 0, composed: 0, missing: 0 }
  for (const [space, all] of Object.entries(names)) {
    const count = { same: 0, other: 0, composed: 0, missing: 0 }
    const rows = all.map((name) => {
      const { state, ours } = row(space, name, places)
      count[state]++
      total[state]++
      if (ours) {
        const wrong = unknownNames(ours, api)
        if (wrong.length > 0) throw new Error(`${space}.${name}: there is no ${wrong.join(', ')}`)
      }
      const plain = camel(name)
        .toLowerCase()
        .replace(/(norm|dropout)[123]d$/, '$1')
      const links = state !== 'same' ? [] : sections.filter((section) => section.names.has(plain))
      const differs = links
        .map(({ title }) => `[${title.toLowerCase()}](differences.md#${title.toLowerCase()})`)
        .join(', ')
      return `| \`${name}\` | ${words[state]} | ${ours ? `\`${ours}\`` : ''} | ${differs} |`
    })
    lines.push(
      `## torch.${space}`,
      '',
      `${count.same} under the same name, ${count.other} under another, ${count.composed} composed, ${count.missing} missing. Left out: ${leftOut[space].join('; ')}.`,
      '',
      '| PyTorch | here | as | differs |',
      '| --- | --- | --- | --- |',
      ...rows,
      '',
    )
  }
  const sum = total.same + total.other + total.composed + total.missing
  return [
    "# PyTorch's names and ours",
    '',
    `Generated by \`npm run docs:pytorch\` from the names of PyTorch ${pytorch} and from what this package exports: do not edit. Of ${sum} names`,
    `${total.same} are here under the same name (in camelCase), ${total.other} under another, ${total.composed} are composed of a few calls, ${total.missing} are missing. Each section says which families of`,
    'names it leaves out. In the examples `F` is `functional`, `x` and `y` are tensors. A link in the last column leads to where results differ on purpose.',
    '',
    ...lines,
  ]
    .join('\n')
    .trimEnd()
    .concat('\n')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const api = await import(pathToFileURL(path.join(root, 'dist/lib/index.js')).href)
  writeFileSync(path.join(root, 'docs/pytorch.md'), page(api))
}
