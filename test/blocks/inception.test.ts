// The inception modules: sizes, counts, gradients, names, what they refuse.
import test from 'ava'
import { blocks, functional, manualSeed, nn, randn, ShapeError, tidy, ValueError } from '../../lib/index.js'
import { checkBlock } from '../support/block-check.js'
import { numbers, relativeError } from '../support/golden-json.js'

const naive = { channels1x1: 2, channels3x3: 3, channels5x5: 4 }
const reduced = { channels1x1: 2, reduce3x3: 3, channels3x3: 4, reduce5x5: 2, channels5x5: 3, channelsPool: 2 }

/** A k×k convolution without bias, and its normalisation. */
const normed = (k: number, from: number, to: number) => k * k * from * to + 2 * to
/** The same without normalisation, with a bias. */
const biased = (k: number, from: number, to: number) => k * k * from * to + to

test.serial('naive inception adds the input channels to those of its convolutions', async (t) => {
  await checkBlock(t, {
    make: (factory) => new blocks.NaiveInception(5, { ...naive, ...factory }),
    input: [2, 5, 6, 5],
    output: [2, 2 + 3 + 4 + 5, 6, 5],
    params: normed(1, 5, 2) + normed(3, 5, 3) + normed(5, 5, 4),
  })
  await checkBlock(t, {
    make: (factory) => new blocks.NaiveInception(3, { ...naive, norm: false, activation: 'silu', ...factory }),
    input: [1, 3, 4, 7],
    output: [1, 2 + 3 + 4 + 3, 4, 7],
    params: biased(1, 3, 2) + biased(3, 3, 3) + biased(5, 3, 4),
  })
})

test.serial('inception reduces before its large convolutions and behind its pooling', async (t) => {
  for (const [kernel5x5, k] of [
    [undefined, 5],
    [3, 3],
  ] as const) {
    await checkBlock(t, {
      make: (factory) => new blocks.Inception(6, { ...reduced, ...(kernel5x5 ? { kernel5x5 } : {}), ...factory }),
      input: [2, 6, 5, 4],
      output: [2, 2 + 4 + 3 + 2, 5, 4],
      params: normed(1, 6, 2) + normed(1, 6, 3) + normed(3, 3, 4) + normed(1, 6, 2) + normed(k, 2, 3) + normed(1, 6, 2),
    })
  }
  await checkBlock(t, {
    make: (factory) => new blocks.Inception(4, { ...reduced, norm: false, activation: 'tanh', ...factory }),
    input: [1, 4, 3, 3],
    output: [1, 11, 3, 3],
    params: biased(1, 4, 2) + biased(1, 4, 3) + biased(3, 3, 4) + biased(1, 4, 2) + biased(5, 2, 3) + biased(1, 4, 2),
  })
})

test.serial('paths stand side by side in the order 1×1, 3×3, 5×5, pooling', (t) => {
  manualSeed(3)
  tidy(() => {
    const block = new blocks.NaiveInception(4, naive)
    const x = randn([2, 4, 7, 6])
    const y = block.forward(x)
    let from = 0
    for (const [branch, width] of [
      [block.branch1, 2],
      [block.branch2, 3],
      [block.branch3, 4],
    ] as const) {
      t.true(relativeError(numbers(y.narrow(1, from, width)), numbers(branch.forward(x))) < 1e-6)
      from += width
    }
    const pooled = functional.maxPool2d(x, 3, { stride: 1, padding: 1 })
    t.is(relativeError(numbers(y.narrow(1, from, 4)), numbers(pooled)), 0)
  })
})

test.serial("names and the normalisation's eps are torchvision's", (t) => {
  const block = new blocks.Inception(6, reduced)
  const keys = Object.keys(block.stateDict())
  for (const key of ['branch1.conv.weight', 'branch2.0.bn.weight', 'branch3.1.conv.weight', 'branch4.1.bn.running_var'])
    t.true(keys.includes(key), key)
  t.false(keys.some((key) => key.endsWith('conv.bias')))
  const norms = block.modules().filter((module) => module instanceof nn.BatchNorm2d)
  t.deepEqual(
    norms.map(({ eps }) => eps),
    new Array(6).fill(1e-3),
  )
  const grouped = new blocks.NaiveInception(6, { ...naive, norm: (n) => new nn.GroupNorm(1, n), activation: null })
  t.is(grouped.modules().filter((module) => module instanceof nn.GroupNorm).length, 3)
  t.false(grouped.modules().some((module) => module instanceof nn.ReLU))
})

test('what makes no inception module is refused by name', (t) => {
  for (const [name, value] of Object.entries({ channels1x1: 0, channels3x3: 1.5, channels5x5: Number.NaN })) {
    const message = new RegExp(`NaiveInception: ${name} is ${value}`)
    t.throws(() => new blocks.NaiveInception(4, { ...naive, [name]: value }), { instanceOf: ValueError, message })
  }
  for (const name of [...Object.keys(reduced), 'kernel5x5']) {
    const message = new RegExp(`Inception: ${name} is -1`)
    t.throws(() => new blocks.Inception(4, { ...reduced, [name]: -1 }), { instanceOf: ValueError, message })
  }
  t.throws(() => new blocks.Inception(0, reduced), { instanceOf: ValueError, message: /inChannels is 0/ })
  t.throws(() => new blocks.Inception(4, { ...reduced, activation: 'swish' as 'silu' }), { instanceOf: ValueError })
  t.throws(() => new blocks.NaiveInception(4, { ...naive, norm: 'batch' as unknown as boolean }), {
    instanceOf: ValueError,
  })
  tidy(() => {
    const block = new blocks.Inception(4, reduced)
    t.throws(() => block.forward(randn([1, 5, 6, 6])), { instanceOf: ShapeError, message: /Inception › branch1/ })
  })
})
