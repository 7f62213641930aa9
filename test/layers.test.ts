// Each folder of cpp/ includes only folders below it, and docs/architecture.md shows what the sources include.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'

interface Include {
  from?: string
  to?: string
  file: string
  line: number
  text: string
}

const root = new URL('../../', import.meta.url)
const { includes, picture, wrongArrows } = (await import(new URL('scripts/layers.mjs', root).href)) as {
  includes: (folder: string) => Include[]
  picture: (found: readonly Include[]) => string
  wrongArrows: (found: readonly Include[]) => string[]
}
const found = includes(fileURLToPath(new URL('cpp', root)))

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

test('the picture in docs/architecture.md is what the sources include', (t) => {
  t.true(readFileSync(new URL('docs/architecture.md', root), 'utf8').includes(picture(found)))
})
