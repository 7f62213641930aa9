// Squeeze and excitation alone and behind a block.
import test from 'ava'
import { blocks, functional, manualSeed, nn, randn, tidy, ValueError } from '../../lib/index.js'
import { checkBlock } from '../support/block-check.js'
import { numbers, relativeError } from '../support/golden-json.js'

test.serial('squeeze and excitation has exact gradients, with and without normalisation', async (t) => {
  await checkBlock(t, {
    make: (factory) => new blocks.SqueezeExcite(8, { reduction: 4, ...factory }),
    input: [2, 8, 3, 5],
    output: [2, 8, 3, 5],
    params: 8 * 2 + 2 + (2 * 8 + 8),
  })
  await checkBlock(t, {
    make: (factory) =>
      new blocks.SqueezeExcite(6, { squeezeChannels: 4, norm: true, activation: 'silu', gate: 'tanh', ...factory }),
    input: [3, 6, 4, 4],
    output: [3, 6, 4, 4],
    params: 6 * 4 + 2 * 4 + (4 * 6 + 6),
  })
})

test.serial('any block can be followed by it, with or without adding its input', async (t) => {
  for (const residual of [false, true]) {
    await checkBlock(t, {
      make: (factory) =>
        new blocks.Excited(new blocks.ConvNormActivation(4, { outChannels: 4, ...factory }), {
          reduction: 2,
          residual,
          ...factory,
        }),
      input: [2, 4, 5, 3],
      output: [2, 4, 5, 3],
      params: 9 * 4 * 4 + 2 * 4 + (4 * 2 + 2) + (2 * 4 + 4),
    })
  }
})

test.serial('each channel is scaled by the gate of the means', (t) => {
  manualSeed(2)
  tidy(() => {
    const se = new blocks.SqueezeExcite(32)
    t.deepEqual(Object.keys(se.stateDict()), ['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias'])
    t.deepEqual(se.fc1.weight.shape, [2, 32, 1, 1])
    const x = randn([3, 32, 4, 5])
    const means = x.mean([2, 3])
    const inner = functional.linear(means, se.fc1.weight.reshape([2, 32]), se.fc1.bias).relu()
    const factors = functional.linear(inner, se.fc2.weight.reshape([32, 2]), se.fc2.bias).sigmoid()
    const expected = x.mul(factors.reshape([3, 32, 1, 1]))
    t.true(relativeError(numbers(se.forward(x)), numbers(expected)) < 1e-6)
    const block = new blocks.ConvNormActivation(32, { outChannels: 32 })
    const excited = new blocks.Excited(block, { residual: true })
    const sum = excited.se.forward(block.forward(x)).add(x)
    t.true(relativeError(numbers(excited.forward(x)), numbers(sum)) < 1e-6)
  })
})

test.serial('few channels keep one channel between, and bad sizes are refused', (t) => {
  t.is(new blocks.SqueezeExcite(8).fc1.outChannels, 1)
  t.true(new blocks.SqueezeExcite(8, { activation: () => new nn.ELU(0.5) }).act instanceof nn.ELU)
  t.throws(() => new blocks.SqueezeExcite(0), { instanceOf: ValueError, message: /channels is 0/ })
  t.throws(() => new blocks.SqueezeExcite(8, { reduction: 0 }), { instanceOf: ValueError, message: /reduction is 0/ })
  t.throws(() => new blocks.SqueezeExcite(8, { squeezeChannels: 0.5 }), {
    instanceOf: ValueError,
    message: /squeezeChannels is 0.5/,
  })
})
