// The docs of what the package exports: everything says what it is and shows it in an example that compiles; functions of tensors say what they throw.
import test from 'ava'

interface Documented {
  name: string
  folder: string
  kind: 'function' | 'class' | 'method' | 'field'
  summary: string
  tags: readonly { name: string; text?: string }[]
  takesTensors: boolean
}
interface Example {
  name: string
  code: string
}

const script = new URL('../../scripts/docs.mjs', import.meta.url).href
const { examplesOf, lackingDocs, readDocs, wholeFolders, wrongExamples } = (await import(script)) as {
  examplesOf: (exported: readonly Documented[]) => Example[]
  lackingDocs: (exported: readonly Documented[]) => string[]
  readDocs: () => { exported: Documented[]; names: string[] }
  wholeFolders: readonly string[]
  wrongExamples: (examples: readonly Example[], names: readonly string[]) => string[]
}
const { exported, names } = readDocs()
const whole = exported.filter(({ folder }) => wholeFolders.includes(folder))

test('the exports are found', (t) => {
  t.true(exported.length > 500, `${exported.length}`)
  for (const name of ['functional.relu', 'Tensor.item', 'Tensor.relu', 'nn.Conv2d', 'optim.SGD', 'tidy']) {
    t.true(
      exported.some((each) => each.name === name),
      name,
    )
  }
})

test('everything that is exported has docs, an example and, where it takes tensors, what it throws', (t) => {
  t.deepEqual(lackingDocs(whole), [])
})

test('what lacks docs is found', (t) => {
  const each = { name: 'f', folder: 'functional', kind: 'function', summary: '', tags: [], takesTensors: true } as const
  t.deepEqual(lackingDocs([each]), ['f lacks a summary, @example, @throws, @see'])
  t.deepEqual(lackingDocs([{ ...each, kind: 'field', summary: 'A number.' }]), [])
})

test('every example compiles', (t) => {
  const examples = examplesOf(whole)
  t.true(examples.length > 100)
  t.deepEqual(wrongExamples(examples, names), [])
})

test('an example that does not compile is found', (t) => {
  const [error, ...others] = wrongExamples([{ name: 'f', code: 'functional.reul(x)' }], names)
  t.regex(error!, /^f: Property 'reul' does not exist/)
  t.deepEqual(others, [])
})
