// The methods of Tensor are written by a script from `functional`: the file is what it writes, and each method shows its docs.
import { readFileSync } from 'node:fs'
import test from 'ava'
import { Tensor } from '../lib/index.js'

const root = new URL('../../', import.meta.url)
const { generateMethods, methodsFile } = (await import(new URL('scripts/generate-methods.mjs', root).href)) as {
  generateMethods: () => string
  methodsFile: string
}

test('lib/functional/methods.ts is what scripts/generate-methods.mjs writes', (t) => {
  t.is(readFileSync(methodsFile, 'utf8'), generateMethods())
})

test('methods are no fields: a tensor lists none of them', (t) => {
  t.is(typeof Tensor.prototype.relu, 'function')
  t.false(Object.keys(Tensor.prototype).includes('relu'))
})
