// The options that all blocks share: which layers they make, and what they refuse.
import test from 'ava'
import { checkCount } from '../../lib/blocks/options.js'
import { blocks, nn, ValueError } from '../../lib/index.js'

test('norm makes BatchNorm2d, nothing, or what a function makes', (t) => {
  const norm = blocks.makeNorm(true, 5, { dtype: 'float64' })
  t.true(norm instanceof nn.BatchNorm2d)
  t.is((norm as nn.BatchNorm2d).numFeatures, 5)
  t.is((norm as nn.BatchNorm2d).weight?.dtype, 'float64')
  t.true(blocks.makeNorm(false, 5) instanceof nn.Identity)
  const group = blocks.makeNorm((channels) => new nn.GroupNorm(2, channels), 6)
  t.is((group as nn.GroupNorm).numChannels, 6)
})

test('activation makes the layer of that name, nothing, or what a function makes', (t) => {
  const names = ['relu', 'relu6', 'tanh', 'sigmoid', 'silu', 'gelu', 'hardswish', 'leakyRelu', 'elu'] as const
  t.deepEqual(
    names.map((name) => blocks.makeActivation(name).constructor.name),
    ['ReLU', 'ReLU6', 'Tanh', 'Sigmoid', 'SiLU', 'GELU', 'Hardswish', 'LeakyReLU', 'ELU'],
  )
  t.true(blocks.makeActivation(null) instanceof nn.Identity)
  const leaky = blocks.makeActivation(() => new nn.LeakyReLU(0.2))
  t.is((leaky as nn.LeakyReLU).negativeSlope, 0.2)
})

test('what is neither is refused by name', (t) => {
  const bad = <T>(value: unknown) => value as T
  t.throws(() => blocks.makeNorm(bad<blocks.Norm>('batch'), 3), { instanceOf: ValueError, message: /norm is a string/ })
  t.throws(
    () =>
      blocks.makeNorm(
        bad<blocks.Norm>(() => 3),
        3,
      ),
    { instanceOf: ValueError, message: /norm returned 3/ },
  )
  t.throws(() => blocks.makeActivation(bad<blocks.Activation>('swish')), {
    instanceOf: ValueError,
    message: /activation is 'swish', expected one of relu, relu6/,
  })
  t.throws(() => blocks.makeActivation(bad<blocks.Activation>(() => null)), { instanceOf: ValueError })
  t.throws(() => blocks.makeActivation(bad<blocks.Activation>('toString')), { instanceOf: ValueError })
  for (const value of [0, 1.5, Number.NaN, '3' as unknown as number]) {
    t.throws(() => checkCount('Block', 'outChannels', value), {
      instanceOf: ValueError,
      message: /Block: outChannels is/,
    })
  }
})
