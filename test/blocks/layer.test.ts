// The shorthand layer and stacks of it: sizes, counts, gradients, and what is refused.
import test from 'ava'
import { blocks, functional, manualSeed, nn, randn, ShapeError, tidy, ValueError, zeros } from '../../lib/index.js'
import { checkBlock } from '../support/block-check.js'
import { numbers, relativeError } from '../support/golden-json.js'
import { settled } from '../support/run-case.js'

const shapeOf = (spec: blocks.LayerSpec, shape: readonly number[]) =>
  tidy(() => blocks.layer(shape[1]!, spec).forward(zeros(shape)).shape)

test.serial("'same' padding puts out ⌈n / stride⌉ for any kernel, stride and dilation", (t) => {
  for (const kernelSize of [1, 2, 3, 4, 5]) {
    for (const stride of [1, 2, 3]) {
      for (const dilation of [1, 2, 3]) {
        const shape = shapeOf({ type: 'conv', outChannels: 2, kernelSize, stride, dilation }, [1, 3, 11, 8])
        t.deepEqual(shape, [1, 2, Math.ceil(11 / stride), Math.ceil(8 / stride)], `${kernelSize} ${stride} ${dilation}`)
      }
    }
  }
  t.deepEqual(
    shapeOf({ type: 'conv', outChannels: 4, kernelSize: [3, 5], padding: [0, 1], stride: [3, 4] }, [1, 1, 8, 8]),
    [1, 4, 2, 2],
  )
  t.deepEqual(shapeOf({ type: 'conv', outChannels: 4, kernelSize: 3, padding: 'valid' }, [1, 1, 8, 8]), [1, 4, 6, 6])
})

test.serial('an even kernel with a stride sees one element more at the end', (t) => {
  tidy(() => {
    const conv = blocks.layer(2, {
      type: 'conv',
      outChannels: 3,
      kernelSize: 4,
      stride: 2,
      norm: false,
      activation: null,
    })
    const x = randn([1, 2, 7, 6])
    const state = conv.stateDict()
    t.deepEqual(Object.keys(state), ['0.weight', '0.bias'])
    const expected = functional.conv2d(functional.pad(x, [1, 2, 1, 2]), state['0.weight']!, state['0.bias']!, {
      stride: 2,
    })
    t.true(relativeError(numbers(conv.forward(x)), numbers(expected)) < 1e-6)
  })
})

test.serial('a convolution has a bias only where no normalisation follows', (t) => {
  const keys = (spec: Partial<blocks.ConvSpec>) =>
    Object.keys(blocks.layer(3, { type: 'conv', outChannels: 4, ...spec }).stateDict())
  t.deepEqual(keys({}), ['0.weight', '1.weight', '1.bias', '1.running_mean', '1.running_var', '1.num_batches_tracked'])
  t.deepEqual(keys({ norm: false }), ['0.weight', '0.bias'])
  t.deepEqual(keys({ norm: (channels) => new nn.GroupNorm(2, channels) }), ['0.weight', '1.weight', '1.bias'])
})

test.serial('convolution, normalisation and activation come in that order', (t) => {
  manualSeed(3)
  tidy(() => {
    const block = new blocks.ConvNormActivation(3, { outChannels: 4, activation: 'silu' })
    const x = randn([2, 3, 5, 5])
    const [conv, norm] = [block[0] as nn.Conv2d, block[1] as nn.BatchNorm2d]
    const y = functional.batchNorm(functional.conv2d(x, conv.weight, null, { padding: 1 }), null, null, {
      weight: norm.weight,
      bias: norm.bias,
      training: true,
    })
    t.true(relativeError(numbers(block.forward(x)), numbers(functional.silu(y))) < 1e-5)
    t.deepEqual(
      block.layers().map((each) => each.constructor.name),
      ['Conv2d', 'BatchNorm2d', 'SiLU'],
    )
  })
})

test.serial('pools take windows, strides and padding; a mean never counts what was padded', (t) => {
  t.deepEqual(shapeOf({ type: 'maxPool' }, [1, 3, 7, 8]), [1, 3, 3, 4])
  t.deepEqual(shapeOf({ type: 'maxPool', kernelSize: 3, stride: 2, padding: 'same' }, [1, 3, 7, 8]), [1, 3, 4, 4])
  t.deepEqual(shapeOf({ type: 'avgPool', kernelSize: [2, 3], stride: 1 }, [1, 3, 7, 8]), [1, 3, 6, 6])
  t.deepEqual(shapeOf({ type: 'globalAvgPool' }, [2, 3, 7, 8]), [2, 3])
  t.deepEqual(shapeOf({ type: 'flatten', size: [7, 8] }, [2, 3, 7, 8]), [2, 168])
  tidy(() => {
    const pool = blocks.layer(1, { type: 'avgPool', kernelSize: 3, stride: 1, padding: 'same' })
    const ones = zeros([1, 1, 4, 5]).add(1)
    t.deepEqual(numbers(pool.forward(ones)), numbers(ones))
  })
})

test.serial('convolutions and dense layers have exact gradients', async (t) => {
  await checkBlock(t, {
    make: (factory) => blocks.layer(3, { type: 'conv', outChannels: 4, kernelSize: 4, stride: 2, ...factory }),
    input: [2, 3, 7, 5],
    output: [2, 4, 4, 3],
    params: 4 * 4 * 3 * 4 + 2 * 4,
  })
  await checkBlock(t, {
    make: (factory) =>
      blocks.layer(4, {
        type: 'conv',
        outChannels: 6,
        dilation: 2,
        groups: 2,
        norm: false,
        activation: 'gelu',
        ...factory,
      }),
    input: [2, 4, 5, 6],
    output: [2, 6, 5, 6],
    params: 3 * 3 * 2 * 6 + 6,
  })
  await checkBlock(t, {
    make: (factory) => blocks.layer(5, { type: 'dense', units: 3, activation: 'tanh', ...factory }),
    input: [4, 5],
    output: [4, 3],
    params: 5 * 3 + 3,
  })
})

test.serial('separable convolutions have exact gradients, with and without a normalisation between', async (t) => {
  await checkBlock(t, {
    make: (factory) => blocks.layer(3, { type: 'separable', outChannels: 5, stride: 2, ...factory }),
    input: [2, 3, 7, 6],
    output: [2, 5, 4, 3],
    params: 9 * 3 + 2 * 3 + 3 * 5 + 2 * 5,
  })
  await checkBlock(t, {
    make: (factory) => new blocks.SeparableConv(4, { outChannels: 2, kernelSize: 5, between: false, ...factory }),
    input: [2, 4, 5, 6],
    output: [2, 2, 5, 6],
    params: 25 * 4 + 4 * 2 + 2 * 2,
  })
  await checkBlock(t, {
    make: (factory) =>
      new blocks.SeparableConv(4, { outChannels: 3, dilation: 2, norm: false, activation: 'tanh', ...factory }),
    input: [2, 4, 5, 6],
    output: [2, 3, 5, 6],
    params: 9 * 4 + 4 + (4 * 3 + 3),
  })
})

test.serial('a separable convolution is a depthwise and a 1×1 convolution', (t) => {
  tidy(() => {
    const block = new blocks.SeparableConv(4, { outChannels: 3, norm: false, activation: 'silu' })
    t.deepEqual(Object.keys(block.stateDict()), ['conv_dw.weight', 'conv_dw.bias', 'conv_pw.weight', 'conv_pw.bias'])
    const x = randn([2, 4, 5, 5])
    const { convDw, convPw } = block
    const depthwise = functional.silu(functional.conv2d(x, convDw.weight, convDw.bias, { padding: 1, groups: 4 }))
    const expected = functional.silu(functional.conv2d(depthwise, convPw.weight, convPw.bias))
    t.true(relativeError(numbers(block.forward(x)), numbers(expected)) < 1e-6)
  })
})

test.serial('a stack follows the channels, gives its defaults to its layers, and has exact gradients', async (t) => {
  const specs: blocks.LayerSpec[] = [
    { type: 'conv', outChannels: 4 },
    { type: 'maxPool', kernelSize: 3, stride: 2, padding: 'same' },
    { type: 'conv', outChannels: 6, activation: 'silu', norm: false },
    (channels) =>
      new blocks.ConvNormActivation(channels, {
        outChannels: 5,
        kernelSize: 1,
        norm: false,
        device: 'reference',
        dtype: 'float64',
      }),
    { type: 'flatten', size: [3, 4] },
    { type: 'dense', units: 7 },
  ]
  await checkBlock(t, {
    make: (factory) => blocks.stack(2, specs, { ...factory, activation: 'tanh' }),
    input: [3, 2, 6, 7],
    output: [3, 7],
    params: 9 * 2 * 4 + 2 * 4 + (9 * 4 * 6 + 6) + (6 * 5 + 5) + (5 * 12 * 7 + 7),
  })
  const net = blocks.stack(2, specs, { activation: 'tanh' })
  const activations = net.modules().map((module) => module.constructor.name)
  t.deepEqual(
    activations.filter((name) => ['Tanh', 'SiLU', 'ReLU'].includes(name)),
    ['Tanh', 'SiLU', 'ReLU'],
  )
})

test.serial('bad options are refused, and nothing is left behind', async (t) => {
  const { tensors } = await settled('cpu')
  const refuse = (message: RegExp, spec: unknown) =>
    t.throws(() => blocks.stack(3, [{ type: 'conv', outChannels: 4 }, spec as blocks.LayerSpec]), {
      instanceOf: ValueError,
      message,
    })
  refuse(/stack: layer 1: conv: outChannels is 0/, { type: 'conv', outChannels: 0 })
  refuse(/stack: layer 1: conv: outChannels is undefined/, { type: 'conv' })
  refuse(/kernelSize is \[3, 3, 3\]/, { type: 'conv', outChannels: 2, kernelSize: [3, 3, 3] })
  refuse(/groups is 3/, { type: 'conv', outChannels: 6, groups: 3 })
  refuse(/activation is 'swish'/, { type: 'conv', outChannels: 6, activation: 'swish' })
  refuse(/SeparableConv: outChannels is -1/, { type: 'separable', outChannels: -1 })
  refuse(/activation is 'swish'/, { type: 'separable', outChannels: 2, activation: 'swish' })
  refuse(/dense: units is 1.5/, { type: 'dense', units: 1.5 })
  refuse(/'same' needs an odd kernelSize/, { type: 'maxPool', kernelSize: 2, padding: 'same' })
  refuse(/layer: type is 'pool', which is not known/, { type: 'pool' })
  refuse(/layer: type is undefined/, undefined)
  refuse(/expected a block/, () => new nn.ReLU())
  t.throws(() => blocks.stack(0, [{ type: 'globalAvgPool' }]), { instanceOf: ValueError })
  t.is((await settled('cpu')).tensors, tensors)
})

test.serial('an input of other channels gives a shape error that names the layer', (t) => {
  const net = blocks.stack(3, [{ type: 'conv', outChannels: 4 }])
  t.throws(() => tidy(() => net.forward(zeros([1, 2, 5, 5]))), { instanceOf: ShapeError, message: /0\.0|0 › 0/ })
})
