// Bottlenecks, residual blocks of every kind, ResNeXt's two forms, inverted residuals.
import test from 'ava'
import {
  blocks,
  functional,
  manualSeed,
  nn,
  noGrad,
  randn,
  ShapeError,
  tidy,
  ValueError,
  zeros,
} from '../../lib/index.js'
import { type BlockCheck, checkBlock, exact, gradientError } from '../support/block-check.js'
import { numbers, relativeError } from '../support/golden-json.js'
import { settled } from '../support/run-case.js'

/** A k×k convolution without bias, and its normalisation. */
const conv = (k: number, from: number, to: number, groups = 1) => (k * k * from * to) / groups + 2 * to
/** A k×k convolution with a bias. */
const biased = (k: number, from: number, to: number, groups = 1) => (k * k * from * to) / groups + to
/** 1×1, 3×3, 1×1. */
const bottleneck = (from: number, width: number, to: number, groups = 1) =>
  conv(1, from, width) + conv(3, width, width, groups) + conv(1, width, to)
const squeeze = (channels: number, between: number) => channels * between + between + between * channels + channels

const cases: Record<string, BlockCheck> = {
  'PlainBottleneck with a stride': {
    make: (factory) => new blocks.PlainBottleneck(5, { outChannels: 8, stride: 2, ...factory }),
    input: [2, 5, 7, 4],
    output: [2, 8, 4, 2],
    params: bottleneck(5, 2, 8),
  },
  'PlainBottleneck, dilated, grouped, without normalisation': {
    make: (factory) =>
      new blocks.PlainBottleneck(3, {
        outChannels: 6,
        width: 4,
        dilation: 2,
        groups: 2,
        norm: false,
        activation: 'tanh',
        ...factory,
      }),
    input: [2, 3, 5, 6],
    output: [2, 6, 5, 6],
    params: biased(1, 3, 4) + biased(3, 4, 4, 2) + biased(1, 4, 6),
  },
  'Bottleneck on its own shape': {
    make: (factory) => new blocks.Bottleneck(8, { outChannels: 8, ...factory }),
    input: [2, 8, 4, 5],
    output: [2, 8, 4, 5],
    params: bottleneck(8, 2, 8),
  },
  'Bottleneck with a stride, in the first convolution': {
    make: (factory) => new blocks.Bottleneck(8, { outChannels: 8, stride: 2, strideIn: '1x1', ...factory }),
    input: [2, 8, 5, 6],
    output: [2, 8, 3, 3],
    params: bottleneck(8, 2, 8) + conv(1, 8, 8),
  },
  'Bottleneck with another width, excited, reduction 2': {
    make: (factory) =>
      new blocks.Bottleneck(5, {
        outChannels: 8,
        reduction: 2,
        excite: { reduction: 4 },
        activation: 'silu',
        ...factory,
      }),
    input: [2, 5, 4, 4],
    output: [2, 8, 4, 4],
    params: bottleneck(5, 4, 8) + conv(1, 5, 8) + squeeze(8, 2),
  },
  'Bottleneck without normalisation': {
    make: (factory) => new blocks.Bottleneck(4, { outChannels: 8, stride: 2, norm: false, ...factory }),
    input: [2, 4, 5, 4],
    output: [2, 8, 3, 2],
    params: biased(1, 4, 2) + biased(3, 2, 2) + biased(1, 2, 8) + biased(1, 4, 8),
  },
  PlainBlock: {
    make: (factory) => new blocks.PlainBlock(3, { outChannels: 4, stride: 2, ...factory }),
    input: [2, 3, 5, 6],
    output: [2, 4, 3, 3],
    params: conv(3, 3, 4) + conv(3, 4, 4),
  },
  'BasicBlock on its own shape, dilated': {
    make: (factory) => new blocks.BasicBlock(4, { outChannels: 4, dilation: 2, ...factory }),
    input: [2, 4, 6, 5],
    output: [2, 4, 6, 5],
    params: 2 * conv(3, 4, 4),
  },
  'BasicBlock with a projection': {
    make: (factory) => new blocks.BasicBlock(3, { outChannels: 5, stride: 2, ...factory }),
    input: [2, 3, 7, 4],
    output: [2, 5, 4, 2],
    params: conv(3, 3, 5) + conv(3, 5, 5) + conv(1, 3, 5),
  },
  'BasicBlock with zeros for new channels': {
    make: (factory) => new blocks.BasicBlock(3, { outChannels: 5, stride: 2, shortcut: 'pad', ...factory }),
    input: [2, 3, 7, 4],
    output: [2, 5, 4, 2],
    params: conv(3, 3, 5) + conv(3, 5, 5),
  },
  'BasicBlock, excited': {
    make: (factory) =>
      new blocks.BasicBlock(4, { outChannels: 4, excite: { squeezeChannels: 3, gate: 'hardswish' }, ...factory }),
    input: [2, 4, 3, 5],
    output: [2, 4, 3, 5],
    params: 2 * conv(3, 4, 4) + squeeze(4, 3),
  },
  'ResNeXtBlock of 3 groups': {
    make: (factory) => new blocks.ResNeXtBlock(5, { outChannels: 12, cardinality: 3, stride: 2, ...factory }),
    input: [2, 5, 5, 4],
    output: [2, 12, 3, 2],
    params: bottleneck(5, 6, 12, 3) + conv(1, 5, 12),
  },
  'ResNeXtPaths of 3 paths': {
    make: (factory) => new blocks.ResNeXtPaths(5, { outChannels: 12, cardinality: 3, stride: 2, ...factory }),
    input: [2, 5, 6, 4],
    output: [2, 12, 3, 2],
    params: 3 * (conv(1, 5, 2) + conv(3, 2, 2) + 2 * 12) + 2 * 12 + conv(1, 5, 12),
  },
  'ResNeXtPaths without normalisation': {
    make: (factory) =>
      new blocks.ResNeXtPaths(6, {
        outChannels: 6,
        cardinality: 2,
        width: 1,
        norm: false,
        activation: 'elu',
        ...factory,
      }),
    input: [2, 6, 4, 3],
    output: [2, 6, 4, 3],
    params: 2 * (biased(1, 6, 1) + biased(3, 1, 1) + 6) + 6,
  },
  'InvertedResidual on its own shape': {
    make: (factory) => new blocks.InvertedResidual(3, { outChannels: 3, expandRatio: 4, ...factory }),
    input: [2, 3, 5, 4],
    output: [2, 3, 5, 4],
    params: conv(1, 3, 12) + conv(3, 12, 12, 12) + conv(1, 12, 3),
  },
  'InvertedResidual with a stride': {
    make: (factory) => new blocks.InvertedResidual(3, { outChannels: 3, stride: 2, kernelSize: 5, ...factory }),
    input: [2, 3, 7, 6],
    output: [2, 3, 4, 3],
    params: conv(1, 3, 18) + conv(5, 18, 18, 18) + conv(1, 18, 3),
  },
  'InvertedResidual that does not expand, without normalisation': {
    make: (factory) =>
      new blocks.InvertedResidual(4, { outChannels: 6, expandRatio: 1, norm: false, activation: 'gelu', ...factory }),
    input: [2, 4, 3, 4],
    output: [2, 6, 3, 4],
    params: biased(3, 4, 4, 4) + biased(1, 4, 6),
  },
}

for (const [name, check] of Object.entries(cases)) {
  test.serial(`${name}: shape, count, gradients`, (t) => checkBlock(t, check))
}

test.serial('a residual block adds its input before the last activation, behind squeeze and excitation', (t) => {
  manualSeed(3)
  tidy(() => {
    const x = randn([2, 8, 5, 4])
    const block = new blocks.Bottleneck(8, { outChannels: 8, stride: 2, excite: true })
    // The same layers in a bottleneck whose last activation is none; its names are a part of the block's.
    const inner = new blocks.PlainBottleneck(8, { outChannels: 8, stride: 2 })
    inner.loadStateDict(block.stateDict(), { strict: false })
    inner.act3 = new nn.Identity()
    const [projection, norm] = (block.downsample as nn.Sequential).layers() as [nn.Conv2d, nn.BatchNorm2d]
    const around = norm.forward(functional.conv2d(x, projection.weight, null, { stride: 2 }))
    const expected = block.seModule!.forward(inner.forward(x)).add(around).relu()
    t.true(relativeError(numbers(block.forward(x)), numbers(expected)) < 1e-6)
    const without = new blocks.Bottleneck(8, { outChannels: 8, activation: null })
    const y = without.forward(x).sub(x)
    const plain = new blocks.PlainBottleneck(8, { outChannels: 8, activation: null })
    plain.loadStateDict(without.stateDict())
    t.true(relativeError(numbers(y), numbers(plain.forward(x))) < 1e-5)
  })
})

test.serial('names are those of torchvision and timm', (t) => {
  const norm = (name: string) =>
    ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'].map((each) => `${name}.${each}`)
  const keys = (block: nn.Module) => Object.keys(block.stateDict()).sort()
  const three = ['conv1.weight', 'conv2.weight', 'conv3.weight', ...norm('bn1'), ...norm('bn2'), ...norm('bn3')]
  const around = ['downsample.0.weight', ...norm('downsample.1')]
  const se = ['se_module.fc1.weight', 'se_module.fc1.bias', 'se_module.fc2.weight', 'se_module.fc2.bias']
  t.deepEqual(keys(new blocks.PlainBottleneck(4, { outChannels: 8 })), [...three].sort())
  t.deepEqual(keys(new blocks.Bottleneck(4, { outChannels: 8, excite: true })), [...three, ...around, ...se].sort())
  t.deepEqual(keys(new blocks.ResNeXtBlock(8, { outChannels: 8, cardinality: 2 })), [...three].sort())
  t.deepEqual(
    keys(new blocks.BasicBlock(4, { outChannels: 8 })),
    ['conv1.weight', 'conv2.weight', ...norm('bn1'), ...norm('bn2'), ...around].sort(),
  )
  t.deepEqual(
    keys(new blocks.InvertedResidual(4, { outChannels: 4 })),
    [
      'conv.0.0.weight',
      ...norm('conv.0.1'),
      'conv.1.0.weight',
      ...norm('conv.1.1'),
      'conv.2.weight',
      ...norm('conv.3'),
    ].sort(),
  )
  t.deepEqual(keys(new blocks.InvertedResidual(4, { outChannels: 4, expandRatio: 1, norm: false })), [
    'conv.0.0.bias',
    'conv.0.0.weight',
    'conv.1.bias',
    'conv.1.weight',
  ])
})

test.serial("shortcut 'pad' takes every second element and fills the new channels with zeros", (t) => {
  tidy(() => {
    const x = randn([1, 2, 5, 4], exact)
    const block = new blocks.BasicBlock(2, {
      outChannels: 3,
      stride: 2,
      shortcut: 'pad',
      activation: null,
      ...exact,
    })
    // A branch of zeros: what is left is the shortcut.
    nn.init.zeros_((block.bn2 as nn.BatchNorm2d).weight!)
    const y = block.forward(x)
    const expected = functional.cat([x.slice(2, 0, 5, 2).slice(3, 0, 4, 2), zeros([1, 1, 3, 2], exact)], 1)
    t.deepEqual(numbers(y), numbers(expected))
    t.is(new blocks.BasicBlock(2, { outChannels: 2, shortcut: 'pad' }).downsample, null)
  })
})

test.serial("BasicBlock and Bottleneck are torchvision's: an expansion, and any layer as downsample", (t) => {
  const makers = [
    (options: object) => new blocks.BasicBlock(4, { outChannels: 4, ...options }),
    (options: object) => new blocks.Bottleneck(4, { outChannels: 4, ...options }),
    (options: object) => new blocks.ResNeXtPaths(4, { outChannels: 4, cardinality: 2, ...options }),
  ]
  t.deepEqual([blocks.BasicBlock.expansion, blocks.Bottleneck.expansion], [1, 4])
  t.is((new blocks.Bottleneck(4, { outChannels: 16 }).conv2 as nn.Conv2d).outChannels, 4)
  tidy(() => {
    const x = randn([1, 4, 3, 3], exact)
    for (const make of makers) {
      const plain = make({ activation: null, ...exact })
      t.is(plain.downsample, null)
      t.is(make({ outChannels: 8, downsample: null }).downsample, null)
      const downsample = new nn.Sequential(new nn.Conv2d(4, 4, 1, exact))
      const block = make({ activation: null, downsample, ...exact })
      t.is(block.downsample, downsample)
      t.true(Object.keys(block.stateDict()).includes('downsample.0.weight'))
      block.loadStateDict(plain.stateDict(), { strict: false })
      plain.eval()
      block.eval()
      // The branches are the same: the outputs differ by what the shortcuts add.
      const difference = numbers(block.forward(x).sub(plain.forward(x)))
      t.true(relativeError(difference, numbers(downsample.forward(x).sub(x))) < 1e-12)
      t.throws(() => make({ downsample: 3 }), {
        instanceOf: ValueError,
        message: /downsample is 3, expected a layer or null/,
      })
    }
  })
})

/** Options under which the two forms of ResNeXt are compared, and the channels of the input. */
const forms: [number, blocks.ResNeXtOptions][] = [
  [64, { outChannels: 64, cardinality: 32 }],
  [24, { outChannels: 32, cardinality: 4, width: 3, stride: 2 }],
  [16, { outChannels: 16, cardinality: 1, width: 5, dilation: 2, excite: { reduction: 4 } }],
  [10, { outChannels: 20, cardinality: 5, norm: false, activation: 'silu' }],
  [10, { outChannels: 20, cardinality: 5, shortcut: 'pad', activation: 'tanh' }],
]

for (const [channels, options] of forms) {
  test.serial(`ResNeXt's two forms agree: ${channels} channels, ${JSON.stringify(options)}`, (t) => {
    manualSeed(6)
    tidy(() => {
      const factory = { ...options, ...exact }
      const grouped = new blocks.ResNeXtBlock(channels, factory)
      const paths = new blocks.ResNeXtPaths(channels, factory)
      const size = (block: nn.Module) => block.parameters().reduce((sum, each) => sum + each.size, 0)
      t.is(size(paths), size(grouped))
      const { missingKeys } = paths.loadStateDict(blocks.resnextPaths(grouped.stateDict(), grouped.cardinality))
      t.deepEqual(missingKeys, [])
      const x = randn([3, channels, 6, 5], exact).requiresGrad_()
      const weights = randn([3, grouped.outChannels, ...(options.stride === 2 ? [3, 3] : [6, 5])], exact)
      // In training mode, so that the running statistics move as well.
      const [y, expected] = [paths.forward(x), grouped.forward(x)]
      t.true(relativeError(numbers(y), numbers(expected)) < 1e-12)
      y.mul(weights).sum().backward()
      const dx = numbers(x.grad!)
      x.grad = null
      expected.mul(weights).sum().backward()
      t.true(relativeError(dx, numbers(x.grad!)) < 1e-11)
      // Back again: gradients, and state after a step, are those of the grouped form.
      const gradients = Object.fromEntries(paths.namedParameters().map(([name, each]) => [name, each.grad!]))
      const joined = blocks.resnextGroups(gradients)
      for (const [name, parameter] of grouped.namedParameters()) {
        const [own, other] = [numbers(parameter.grad!), numbers(joined[name]!)]
        t.true(relativeError(other, own) < 1e-9 || Math.max(...own.map(Math.abs)) < 1e-9, name)
      }
      const state = blocks.resnextGroups(paths.stateDict())
      t.deepEqual(Object.keys(state).sort(), Object.keys(grouped.stateDict()).sort())
      const back = new blocks.ResNeXtBlock(channels, factory)
      back.loadStateDict(state)
      noGrad(() => {
        const [mine, its] = [back.eval().forward(x), grouped.eval().forward(x)]
        t.true(relativeError(numbers(mine), numbers(its)) < 1e-12)
      })
    })
  })
}

test.serial('a state that divides into no such paths is refused', (t) => {
  const block = new blocks.ResNeXtBlock(8, { outChannels: 8, cardinality: 2, width: 3 })
  t.throws(() => blocks.resnextPaths(block.stateDict(), 4), { instanceOf: ValueError, message: /no 4 equal paths/ })
  t.throws(() => blocks.resnextPaths(block.stateDict(), 0), { instanceOf: ValueError, message: /cardinality is 0/ })
  t.is(new blocks.ResNeXtBlock(8, { outChannels: 256 }).conv2.weight.shape[1], 4)
  t.is(new blocks.ResNeXtBlock(8, { outChannels: 16 }).conv2.weight.shape[1], 1)
})

test.serial('bad options are refused, and nothing is left behind', async (t) => {
  const { tensors } = await settled('cpu')
  type Make = (options: object) => unknown
  const makers: [string, Make][] = [
    ['PlainBottleneck', (options) => new blocks.PlainBottleneck(8, { outChannels: 8, ...options })],
    ['Bottleneck', (options) => new blocks.Bottleneck(8, { outChannels: 8, ...options })],
    ['PlainBlock', (options) => new blocks.PlainBlock(8, { outChannels: 8, ...options })],
    ['BasicBlock', (options) => new blocks.BasicBlock(8, { outChannels: 8, ...options })],
    ['ResNeXtBlock', (options) => new blocks.ResNeXtBlock(8, { outChannels: 8, ...options })],
    ['ResNeXtPaths', (options) => new blocks.ResNeXtPaths(8, { outChannels: 8, ...options })],
    ['InvertedResidual', (options) => new blocks.InvertedResidual(8, { outChannels: 8, ...options })],
  ]
  const refuse = (make: Make, options: object, message: RegExp) =>
    t.throws(() => make(options), { instanceOf: ValueError, message })
  for (const [name, make] of makers) {
    refuse(make, { outChannels: 0 }, new RegExp(`${name}: outChannels is 0`))
    refuse(make, { outChannels: undefined }, new RegExp(`${name}: outChannels is undefined`))
    refuse(make, { stride: 1.5 }, new RegExp(`${name}: stride is 1.5`))
    refuse(make, { activation: 'swish' }, /activation is 'swish'/)
    if (/Block/.test(name)) refuse(make, { dilation: -1 }, new RegExp(`${name}: dilation is -1`))
    if (/^(BasicBlock|Bottleneck|ResNeXt)/.test(name)) {
      refuse(make, { shortcut: 'identity' }, /shortcut is 'identity', expected one of projection, pad/)
      refuse(make, { outChannels: 4, shortcut: 'pad' }, /shortcut 'pad' cannot make 4 channels of 8/)
    }
  }
  const [bottleneck, , , , resnext, paths, inverted] = makers.map(([, make]) => make) as [Make, ...Make[]]
  refuse(bottleneck, { reduction: 0 }, /reduction is 0/)
  refuse(bottleneck, { width: 2.5 }, /width is 2.5/)
  refuse(bottleneck, { groups: 3 }, /groups is 3/)
  refuse(bottleneck, { strideIn: '5x5' }, /strideIn is '5x5', expected one of 3x3, 1x1/)
  for (const make of [resnext!, paths!]) {
    refuse(make, { cardinality: 0 }, /ResNeXt.*cardinality is 0/)
    refuse(make, { width: 0 }, /ResNeXt.*width is 0/)
  }
  refuse(inverted!, { expandRatio: 0.5 }, /expandRatio is 0.5/)
  refuse(inverted!, { kernelSize: 0 }, /kernelSize is 0/)
  t.throws(() => new blocks.Bottleneck(0, { outChannels: 4 }), { instanceOf: ValueError, message: /inChannels is 0/ })
  t.is((await settled('cpu')).tensors, tensors)
})

test.serial('an input of other channels gives a shape error that names the layer', (t) => {
  const wrong: [nn.Module, RegExp][] = [
    [new blocks.Bottleneck(8, { outChannels: 8 }), /Bottleneck › conv1 \(Conv2d\)/],
    [new blocks.BasicBlock(8, { outChannels: 8 }), /BasicBlock › conv1 \(Conv2d\)/],
    [new blocks.ResNeXtPaths(8, { outChannels: 8, cardinality: 2 }), /ResNeXtPaths › paths\.0.*conv1/],
    [new blocks.InvertedResidual(8, { outChannels: 8 }), /InvertedResidual › conv/],
  ]
  for (const [block, message] of wrong) {
    t.throws(() => tidy(() => block.forward(zeros([1, 4, 5, 5]))), { instanceOf: ShapeError, message })
  }
})

test.serial('any layer can normalise', (t) => {
  manualSeed(8)
  const norm = (channels: number) => new nn.GroupNorm(2, channels, exact)
  const made: nn.Module[] = [
    new blocks.Bottleneck(4, { outChannels: 8, norm, ...exact }),
    new blocks.BasicBlock(4, { outChannels: 8, norm, ...exact }),
    new blocks.InvertedResidual(4, { outChannels: 4, norm, ...exact }),
  ]
  for (const block of made) {
    const { error, name } = gradientError(block, [2, 4, 3, 4])
    t.true(error < 1e-6, `${name}: ${error}`)
  }
})
