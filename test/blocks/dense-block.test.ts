// Dense blocks and transitions: sizes, counts, gradients, names, what they refuse.
import test from 'ava'
import { blocks, functional, manualSeed, nn, randn, ShapeError, tidy, ValueError } from '../../lib/index.js'
import { checkBlock } from '../support/block-check.js'
import { numbers, relativeError } from '../support/golden-json.js'

/** Input channels of each layer. */
const widths = (from: number, layers: number, growth: number) =>
  Array.from({ length: layers }, (_, i) => from + i * growth)
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

test.serial('a dense block has five convolutions by default, each of all that was before', async (t) => {
  await checkBlock(t, {
    make: (factory) => new blocks.DenseBlock(3, { growthRate: 2, ...factory }),
    input: [2, 3, 5, 4],
    output: [2, 3 + 5 * 2, 5, 4],
    params: sum(widths(3, 5, 2).map((c) => 2 * c + 9 * c * 2)),
  })
})

test.serial('with bottlenecks, 1×1 convolutions stand between', async (t) => {
  await checkBlock(t, {
    make: (factory) => new blocks.DenseBlock(4, { layers: 3, growthRate: 2, bottleneck: 4, ...factory }),
    input: [2, 4, 4, 5],
    output: [2, 4 + 3 * 2, 4, 5],
    params: sum(widths(4, 3, 2).map((c) => 2 * c + c * 8 + 2 * 8 + 9 * 8 * 2)),
  })
})

test.serial('without normalisation there are biases instead, and any activation', async (t) => {
  await checkBlock(t, {
    make: (factory) =>
      new blocks.DenseBlock(3, { layers: 2, growthRate: 4, bottleneck: 1, norm: false, activation: 'elu', ...factory }),
    input: [1, 3, 3, 3],
    output: [1, 3 + 2 * 4, 3, 3],
    params: sum(widths(3, 2, 4).map((c) => c * 4 + 4 + (9 * 4 * 4 + 4))),
  })
  await checkBlock(t, {
    make: (factory) => new blocks.Transition(5, { norm: false, activation: 'silu', ...factory }),
    input: [1, 5, 4, 4],
    output: [1, 2, 2, 2],
    params: 5 * 2 + 2,
  })
})

test.serial('a transition halves channels, height and width', async (t) => {
  await checkBlock(t, {
    make: (factory) => new blocks.Transition(7, factory),
    input: [2, 7, 5, 4],
    output: [2, 3, 2, 2],
    params: 2 * 7 + 7 * 3,
  })
  await checkBlock(t, {
    make: (factory) => new blocks.Transition(4, { outChannels: 6, ...factory }),
    input: [2, 4, 2, 2],
    output: [2, 6, 1, 1],
    params: 2 * 4 + 4 * 6,
  })
})

test.serial('each layer reads the input and every earlier output, in that order', (t) => {
  manualSeed(7)
  tidy(() => {
    const block = new blocks.DenseBlock(4, { layers: 3, growthRate: 2 })
    const x = randn([2, 4, 5, 5])
    const features = [x]
    for (const layer of block.children() as nn.Module[]) features.push(layer.forward(functional.cat(features, 1)))
    t.is(features.length, 4)
    t.true(relativeError(numbers(block.forward(x)), numbers(functional.cat(features, 1))) < 1e-6)
    const out = new blocks.DenseBlock(4).outChannels
    t.is(out, 4 + 5 * 32)
  })
})

test.serial('dropout works in training alone', (t) => {
  manualSeed(9)
  tidy(() => {
    const block = new blocks.DenseBlock(4, { layers: 1, growthRate: 8, dropout: 0.5 })
    const x = randn([2, 4, 9, 9])
    const zeros = () => numbers(block.forward(x).narrow(1, 4, 8)).filter((value) => value === 0).length / (2 * 8 * 81)
    block.train()
    t.true(Math.abs(zeros() - 0.5) < 0.06)
    block.eval()
    t.is(zeros(), 0)
  })
})

test('names are those of torchvision', (t) => {
  const keys = Object.keys(new blocks.DenseBlock(4, { layers: 2, growthRate: 2, bottleneck: 4 }).stateDict())
  for (const key of ['denselayer1.norm1.weight', 'denselayer2.conv1.weight', 'denselayer2.norm2.running_mean'])
    t.true(keys.includes(key), key)
  t.deepEqual(
    Object.keys(new blocks.Transition(4).stateDict()).filter((key) => key.endsWith('weight')),
    ['norm.weight', 'conv.weight'],
  )
  const grouped = new blocks.DenseBlock(4, { growthRate: 4, norm: (n) => new nn.GroupNorm(2, n), activation: 'gelu' })
  t.is(grouped.modules().filter((module) => module instanceof nn.GroupNorm).length, 5)
  t.is(grouped.modules().filter((module) => module instanceof nn.GELU).length, 5)
})

test('what makes no dense block or transition is refused by name', (t) => {
  for (const [name, value] of Object.entries({ layers: 0, growthRate: 1.5, bottleneck: -1, dropout: 1 })) {
    const message = new RegExp(`DenseBlock: ${name} is ${value}`)
    t.throws(() => new blocks.DenseBlock(4, { [name]: value }), { instanceOf: ValueError, message })
  }
  t.throws(() => new blocks.DenseBlock(0), { instanceOf: ValueError, message: /DenseBlock: inChannels is 0/ })
  t.throws(() => new blocks.DenseBlock(4, { activation: 'swish' as 'silu' }), { instanceOf: ValueError })
  for (const compression of [0, 1.5, Number.NaN]) {
    const message = new RegExp(`compression is ${compression}`)
    t.throws(() => new blocks.Transition(4, { compression }), { instanceOf: ValueError, message })
  }
  t.throws(() => new blocks.Transition(4, { outChannels: 0 }), { instanceOf: ValueError, message: /outChannels is 0/ })
  t.is(new blocks.Transition(1).outChannels, 1)
  tidy(() => {
    const block = new blocks.DenseBlock(4, { growthRate: 2 })
    const message = /DenseBlock › denselayer1 › norm1/
    t.throws(() => block.forward(randn([1, 3, 6, 6])), { instanceOf: ShapeError, message })
    const transition = new blocks.Transition(4)
    t.throws(() => transition.forward(randn([2, 4, 1, 1])), { instanceOf: ShapeError, message: /Transition › pool/ })
  })
})
