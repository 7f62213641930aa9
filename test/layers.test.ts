// Each folder of cpp/ and lib/ knows only folders below it, and docs/architecture.md shows what the sources include and import.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'

interface Include {
  from?: string
  to?: string
  file: string
  line: number
  text: string
}

const root = new URL('../../', import.meta.url)
interface Import extends Include {
  target: string
}
type Rows = readonly (readonly string[])[]
const { imports, includes, libRows, picture, rings, wrongArrows } = (await import(
  new URL('scripts/layers.mjs', root).href
)) as {
  imports: (folder: string) => Import[]
  includes: (folder: string) => Include[]
  libRows: Rows
  picture: (found: readonly Include[], of?: Rows) => string
  rings: (found: readonly Pick<Import, 'file' | 'target'>[]) => string[]
  wrongArrows: (found: readonly Include[], of?: Rows) => string[]
}
const found = includes(fileURLToPath(new URL('cpp', root)))
const own = imports(fileURLToPath(root))

test('no folder includes one above it or beside it', (t) => {
  t.true(found.length > 100, 'the sources were read')
  t.deepEqual(wrongArrows(found), [])
})

test('an arrow up, one to a neighbour and a file in no layer are found', (t) => {
  const at = { line: 3, text: '#include "…"' }
  t.deepEqual(
    wrongArrows([
      { ...at, from: 'core', to: 'backends/reference', file: 'core/a.cpp' },
      { ...at, from: 'graph', to: 'autograd', file: 'graph/b.cpp' },
      { ...at, from: 'graph', to: 'core', file: 'graph/c.cpp' },
      { ...at, to: 'core', file: 'd.cpp' },
      { ...at, from: 'core', file: 'core/e.cpp' },
    ]),
    [
      'core/a.cpp:3: #include "…": core may not know backends/reference',
      'graph/b.cpp:3: #include "…": graph may not know autograd',
      'd.cpp:3: #include "…": the file lies in no layer',
      'core/e.cpp:3: #include "…": there is no such file in a layer',
    ],
  )
})

test('the pictures in docs/architecture.md are what the sources include and import', (t) => {
  const page = readFileSync(new URL('docs/architecture.md', root), 'utf8')
  t.true(page.includes(picture(found)))
  t.true(page.includes(picture(own, libRows)))
})

test('no part of lib/ imports one above it or beside it, and no files import each other in a ring', (t) => {
  t.true(own.length > 400, 'the sources were read')
  t.deepEqual(wrongArrows(own, libRows), [])
  t.deepEqual(rings(own), [])
})

test('an import that leads up and a ring of imports are found', (t) => {
  const at = { file: 'lib/optim/sgd.ts', line: 3, text: "'../nn/module.js'" }
  t.deepEqual(wrongArrows([{ ...at, from: 'optim', to: 'nn' }], libRows), [
    "lib/optim/sgd.ts:3: '../nn/module.js': optim may not know nn",
  ])
  const pairs = ['ab', 'bc', 'cb', 'ac', 'dd'].map(([file, target]) => ({ file: file!, target: target! }))
  t.deepEqual(rings(pairs), ['b → c → b', 'd → d'])
})

const run = promisify(execFile)
const entries = ['tensor', 'functional/index', 'creation', 'nn/index', 'optim/index', 'blocks/index', 'models/index']
for (const entry of [...entries, 'data/index', 'train/index', 'compile', 'safetensors', 'index']) {
  test(`lib/${entry}.js may be the first to be imported`, async (t) => {
    const url = (name: string) => JSON.stringify(new URL(`dist/lib/${name}.js`, root).href)
    const hasMethods = entry === 'tensor' ? '' : `if (!first.Tensor.prototype.relu) throw new Error('without methods')`
    const code = `import * as entry from ${url(entry)}; import * as first from ${url('tensor')}; ${hasMethods}
      const { functional, ones } = await import(${url('index')})
      console.log(Object.keys(entry).length > 0 && functional.add(ones([2]), 1).relu().sum().itemSync())`
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', code])
    t.is(stdout.trim(), '4')
  })
}
