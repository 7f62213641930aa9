// docs/pytorch.md says of every name of PyTorch's what stands for it here, as the package is now.
import { readFileSync } from 'node:fs'
import test from 'ava'
import * as api from '../lib/index.js'

type Api = Record<string, object>
const root = new URL('../../', import.meta.url)
const { page, unknownNames } = (await import(new URL('scripts/pytorch-table.mjs', root).href)) as {
  page: (api: Api) => string
  unknownNames: (text: string, api: Api) => string[]
}
const { others } = (await import(new URL('scripts/pytorch/others.mjs', root).href)) as {
  others: Record<string, Record<string, { is?: string; by?: string }>>
}

test('docs/pytorch.md is what `npm run docs:pytorch` writes', (t) => {
  t.is(readFileSync(new URL('docs/pytorch.md', root), 'utf8'), page(api))
})

test('a name that goes away makes the page stale, and one in an example is found', (t) => {
  const { relu: _, ...functional } = api.functional
  const row = '| `relu` | yes | `F.relu` |'
  t.true(page(api).includes(row))
  t.false(page({ ...api, functional }).includes(row))
  t.deepEqual(unknownNames('F.relu(x.nothing()).twice()', { ...api, functional }), ['F.relu', 'x.nothing', ').twice'])
})

// Those that need other shapes than [2, 4, 6, 6].
const shapes: Record<string, number[]> = {
  'nn.functional.dropout1d': [2, 4, 6],
  'Tensor.mm': [6, 6],
  'Tensor.rot90': [6, 6],
  'Tensor.bmm': [2, 4, 4],
}
for (const each of ['Circular', 'Constant', 'Reflection', 'Replication', 'Zero']) {
  shapes[`nn.${each}Pad1d`] = [2, 4, 6]
  shapes[`nn.${each}Pad3d`] = [2, 4, 6, 6, 6]
}

test('every example runs', async (t) => {
  const { functional: F, nn, optim, randn, tensor, zeros } = api
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor
  for (const [space, names] of Object.entries(others)) {
    for (const [name, { is, by }] of Object.entries(names)) {
      if (name === 'cuda') continue // no such device may be here
      const text = (is ?? by)!
      const shape = shapes[`${space}.${name}`] ?? [2, 4, 6, 6]
      const [n, c, h, w] = shape
      const random = () => randn(shape)
      const mask = random().gt(0)
      const optimizer = new optim.SGD(new nn.Linear(2, 2).parameters(), { lr: 0.1 })
      const numbers = { n, c, h, w, i: 0, k: 1, t: 0.5, dim: 1, groups: 2, value: 2, power: 2 }
      const lists = { shape, dims: shape.map((_, axis) => (axis + 1) % shape.length), sizes: [2, 2] }
      const parts = text.startsWith('const [a, b]') ? {} : { a: random(), b: random() }
      const tensors = {
        x: random(),
        y: random(),
        mask,
        condition: mask,
        weight: tensor(0.25),
        index: zeros(shape, { dtype: 'int32' }),
      }
      const known = { F, nn, optim, optimizer, ...numbers, ...lists, ...parts, ...tensors }
      const [last, ...before] = text.split('; ').reverse()
      const body = [...before.reverse(), `return ${last}`].join('; ')
      await t.notThrowsAsync(
        new AsyncFunction(...Object.keys(known), body)(...Object.values(known)),
        `${name}: ${text}`,
      )
    }
  }
})
