// ResNet, ResNeXt-50, SE-ResNet-50, MobileNet V2, the networks of 6n + 2 layers: counts, names, sizes, and that they learn.
import test from 'ava'
import { blocks, manualSeed, models, nn, noGrad, ShapeError, tidy, ValueError, zeros } from '../../lib/index.js'
import { lossesOnOneBatch } from '../support/training.js'

const size = (net: nn.AnyModule) => net.parameters().reduce((sum, parameter) => sum + parameter.size, 0)

/** A k×k convolution without bias, and its normalisation. */
const conv = (k: number, from: number, to: number, groups = 1) => (k * k * from * to) / groups + 2 * to
const linear = (from: number, to: number) => from * to + to
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

type Cost = (from: number, to: number, stage: number) => number

/** Blocks of the given costs in four stages that put out `outputs` channels, between stem and classifier, with projections. */
function residual(counts: readonly number[], outputs: readonly number[], block: Cost, stem = conv(7, 3, 64)): number {
  const stages = counts.map((count, i) => {
    const [from, to] = [i === 0 ? 64 : outputs[i - 1]!, outputs[i]!]
    const projection = from === to ? 0 : conv(1, from, to)
    return block(from, to, i) + projection + (count - 1) * block(to, to, i)
  })
  return stem + sum(stages) + linear(outputs.at(-1)!, 1000)
}

const narrow = [64, 128, 256, 512]
const wide = [256, 512, 1024, 2048]
const pair: Cost = (from, to) => conv(3, from, to) + conv(3, to, to)
const bottleneck: Cost = (from, to) => conv(1, from, to / 4) + conv(3, to / 4, to / 4) + conv(1, to / 4, to)
const grouped: Cost = (from, to) => conv(1, from, to / 2) + conv(3, to / 2, to / 2, 32) + conv(1, to / 2, to)
const excited: Cost = (from, to, stage) => bottleneck(from, to, stage) + linear(to, to / 16) + linear(to / 16, to)

/** Expansion, output channels, blocks: table 2 of the paper of MobileNet V2. */
const inverted = [
  [1, 16, 1],
  [6, 24, 2],
  [6, 32, 3],
  [6, 64, 4],
  [6, 96, 3],
  [6, 160, 3],
  [6, 320, 1],
] as const

function mobilenetV2(): number {
  let [total, from] = [conv(3, 3, 32), 32]
  for (const [t, to, n] of inverted) {
    for (let i = 0; i < n; i++) {
      total += (t === 1 ? 0 : conv(1, from, t * from)) + conv(3, t * from, t * from, t * from) + conv(1, t * from, to)
      from = to
    }
  }
  return total + conv(1, 320, 1280) + linear(1280, 1000)
}

/** 6n + 2 layers of 16, 32 and 64 channels. */
function cifar(n: number): number {
  const stages = [16, 32, 64].map((to, i) => conv(3, i === 0 ? 16 : to / 2, to) + (2 * n - 1) * conv(3, to, to))
  return conv(3, 3, 16) + sum(stages) + linear(64, 10)
}
/** The two projections of option B. */
const projections = conv(1, 16, 32) + conv(1, 32, 64)

/**
 * Name, network, parameters (as published, where they are), parameters by formula, layers with weights outside projections and
 * squeezes, multiply-adds at 224×224 (in thousand millions those that torchvision states with its weights) or 32×32.
 */
const counts: [string, () => nn.Module, number, number, number, number][] = [
  ['ResNet-18', () => models.resnet18(), 11_689_512, residual([2, 2, 2, 2], narrow, pair), 18, 1_814_073_344],
  ['ResNet-34', () => models.resnet34(), 21_797_672, residual([3, 4, 6, 3], narrow, pair), 34, 3_663_761_408],
  ['ResNet-50', () => models.resnet50(), 25_557_032, residual([3, 4, 6, 3], wide, bottleneck), 50, 4_089_184_256],
  ['ResNet-101', () => models.resnet101(), 44_549_160, residual([3, 4, 23, 3], wide, bottleneck), 101, 7_801_405_440],
  ['ResNet-152', () => models.resnet152(), 60_192_808, residual([3, 8, 36, 3], wide, bottleneck), 152, 11_513_626_624],
  ['ResNeXt-50 32×4d', () => models.resnext50(), 25_028_904, residual([3, 4, 6, 3], wide, grouped), 50, 4_230_479_872],
  ['SE-ResNet-50', () => models.seresnet50(), 28_088_024, residual([3, 4, 6, 3], wide, excited), 50, 3_860_488_192],
  ['MobileNet V2', () => models.mobilenetV2(), 3_504_872, mobilenetV2(), 53, 300_774_272],
  ['20 residual layers', () => models.cifarResNet(), 269_722, cifar(3), 20, 40_551_040],
  ['20 plain layers', () => models.cifarResNet({ residual: false }), 269_722, cifar(3), 20, 40_551_040],
  [
    '20 residual layers with projections',
    () => models.cifarResNet({ shortcut: 'projection' }),
    272_474,
    cifar(3) + projections,
    20,
    40_813_184,
  ],
  ['56 residual layers', () => models.cifarResNet({ depth: 56 }), 853_018, cifar(9), 56, 125_485_696],
  ['56 plain layers', () => models.cifarResNet({ depth: 56, residual: false }), 853_018, cifar(9), 56, 125_485_696],
  ['110 residual layers', () => models.cifarResNet({ depth: 110 }), 1_727_962, cifar(18), 110, 252_887_680],
]

for (const [name, make, expected, formula, depth, work] of counts) {
  test.serial(`${name}: ${expected} parameters, ${depth} layers`, (t) => {
    const net = make()
    t.is(size(net), expected)
    t.is(formula, expected)
    const layers = net
      .namedModules()
      .filter(
        ([path, each]) =>
          (each instanceof nn.Conv2d || each instanceof nn.Linear) && !/downsample|se_module/.test(path),
      )
    t.is(layers.length, depth)
    const side = net instanceof models.CifarResNet ? 32 : 224
    t.is(nn.summary(net, [1, 3, side, side]).multiplyAdds, work)
    net.dispose()
  })
}

test.serial('names are those of torchvision and timm', (t) => {
  const expectKeys = (net: nn.Module, count: number, keys: readonly string[]) => {
    const own = net.stateDict()
    t.is(Object.keys(own).length, count)
    for (const key of keys) t.true(key in own, key)
    net.dispose()
  }
  // Per convolution 1 tensor, per normalisation 5, and the last layer's 2. The others are compared as a whole beside PyTorch's values.
  expectKeys(models.resnet101({ baseChannels: 2 }), 6 * (100 + 4) + 2, [
    'conv1.weight',
    'bn1.num_batches_tracked',
    'layer1.0.downsample.0.weight',
    'layer3.22.conv3.weight',
    'layer4.0.downsample.1.running_var',
    'fc.bias',
  ])
  expectKeys(models.resnet152({ baseChannels: 2 }), 6 * (151 + 4) + 2, ['layer2.7.bn3.bias', 'layer3.35.conv2.weight'])
  expectKeys(models.cifarResNet({ depth: 56 }), 6 * 55 + 2, ['conv1.weight', 'layer1.8.conv2.weight', 'fc.weight'])
  expectKeys(models.cifarResNet({ depth: 8, shortcut: 'projection' }), 6 * (7 + 2) + 2, [
    'layer2.0.downsample.0.weight',
    'layer3.0.downsample.1.weight',
  ])
})

type Make = (options?: object) => nn.Module

/** Name, network with little width, the field that its first convolution is in. */
const small: [string, Make, RegExp][] = [
  ['ResNet-18', (options) => models.resnet18({ baseChannels: 16, numClasses: 4, ...options }), /ResNet › conv1/],
  ['ResNet-34', (options) => models.resnet34({ baseChannels: 16, numClasses: 4, ...options }), /ResNet › conv1/],
  ['ResNet-50', (options) => models.resnet50({ baseChannels: 8, numClasses: 4, ...options }), /ResNet › conv1/],
  ['ResNet-101', (options) => models.resnet101({ baseChannels: 8, numClasses: 4, ...options }), /ResNet › conv1/],
  ['ResNet-152', (options) => models.resnet152({ baseChannels: 8, numClasses: 4, ...options }), /ResNet › conv1/],
  [
    'ResNeXt-50',
    (options) => models.resnext50({ baseChannels: 8, cardinality: 4, width: 4, numClasses: 4, ...options }),
    /ResNeXt › conv1/,
  ],
  [
    'SE-ResNet-50',
    (options) => models.seresnet50({ baseChannels: 8, numClasses: 4, ...options }),
    /SEResNet › layer0.*conv1/,
  ],
  [
    'MobileNet V2',
    (options) => models.mobilenetV2({ width: 0.25, dropout: 0, numClasses: 4, ...options }),
    /MobileNetV2 › features.*0\.0|MobileNetV2 › features › 0 › 0/,
  ],
  ['20 residual layers', (options) => models.cifarResNet({ numClasses: 4, ...options }), /CifarResNet › conv1/],
  [
    '20 plain layers',
    (options) => models.cifarResNet({ residual: false, numClasses: 4, ...options }),
    /CifarResNet › conv1/,
  ],
  [
    '56 residual layers with projections',
    (options) => models.cifarResNet({ depth: 56, shortcut: 'projection', baseChannels: 8, numClasses: 4, ...options }),
    /CifarResNet › conv1/,
  ],
]

for (const [name, make, first] of small) {
  test.serial(`${name} halves its loss in 20 steps on one batch`, (t) => {
    manualSeed(1)
    const net = make()
    // The last of five halvings leaves 2×2 of 64×64; where 1×1 is left, four values a channel are too few to normalise.
    const side = net instanceof models.CifarResNet ? 32 : 64
    const { first: before, last: after } = lossesOnOneBatch(net, [4, 3, side, side], { lr: 0.02 })
    t.true(after < before / 2, `${before} → ${after}`)
    net.dispose()
  })

  test.serial(`${name} takes other sizes, channels and numbers of classes`, (t) => {
    tidy(() =>
      noGrad(() => {
        const hasDropout = !name.includes('layers') // the small networks have none
        const net = make({ numClasses: 7, inChannels: 1, ...(hasDropout && { dropout: 0.5 }) }).eval()
        for (const [height, width] of [
          [75, 50],
          [32, 33],
          [3, 3],
        ] as const) {
          t.deepEqual(net.forward(zeros([2, 1, height, width])).shape, [2, 7])
        }
        t.throws(() => net.forward(zeros([1, 3, 32, 32])), { instanceOf: ShapeError, message: first })
        net.dispose()
      }),
    )
    t.throws(() => make({ numClasses: 0 }), { instanceOf: ValueError, message: /numClasses is 0/ })
    t.throws(() => make({ inChannels: 1.5 }), { instanceOf: ValueError, message: /inChannels is 1.5/ })
    if (name.includes('layers')) return
    t.throws(() => make({ dropout: 1 }), { instanceOf: ValueError, message: /dropout is 1/ })
  })
}

test.serial('a picture that is too small for SE-ResNet is refused by the layer that cannot take it', (t) => {
  tidy(() => {
    const net = models.seresnet50({ baseChannels: 4 }).eval()
    t.throws(() => net.forward(zeros([1, 3, 2, 2])), {
      instanceOf: ShapeError,
      message: /SEResNet › pool0 \(MaxPool2d\)/,
    })
    net.dispose()
  })
})

test.serial('zeroInitResidual makes every block start as its shortcut', (t) => {
  const made: [nn.Module, number][] = [
    [models.resnet18({ baseChannels: 4, zeroInitResidual: true }), 8],
    [models.resnet50({ baseChannels: 4, zeroInitResidual: true }), 16],
    [models.resnext50({ baseChannels: 4, cardinality: 2, zeroInitResidual: true }), 16],
    [models.seresnet50({ baseChannels: 4, zeroInitResidual: true }), 16],
  ]
  const norms = (net: nn.Module) => net.modules().filter((each) => each instanceof nn.BatchNorm2d)
  const sums = (net: nn.Module) => norms(net).map((norm) => norm.weight!.sum().itemSync())
  tidy(() => {
    for (const [net, count] of made) {
      t.is(sums(net).filter((value) => value === 0).length, count)
      const last = net.modules().flatMap((each) => {
        if (each instanceof blocks.Bottleneck) return [each.bn3]
        return each instanceof blocks.BasicBlock ? [each.bn2] : []
      }) as nn.BatchNorm2d[]
      t.is(last.length, count)
      for (const norm of last) t.is(norm.weight!.abs().sum().itemSync(), 0)
      net.dispose()
    }
    t.is(sums(models.resnet18({ baseChannels: 4 })).filter((value) => value === 0).length, 0)
  })
})

test.serial('widths follow their options', (t) => {
  t.is(models.mobilenetV2({ width: 0.5 }).classifier.layers().length, 2)
  // 1280 · 1.4 = 1792; a factor below 1 leaves 1280.
  for (const [width, features] of [
    [1.4, 1792],
    [0.5, 1280],
  ] as const) {
    t.is((models.mobilenetV2({ width, numClasses: 3 }).classifier[1] as nn.Linear).inFeatures, features)
  }
  // torchvision's mobilenet_v2(width_mult=…).
  t.is(size(models.mobilenetV2({ width: 0.5 })), 1_968_680)
  t.is(size(models.mobilenetV2({ width: 1.4 })), 6_108_776)
  t.is(
    models.resnext50({ cardinality: 8, width: 14, baseChannels: 8 }).layer2.at(0) instanceof blocks.ResNeXtBlock,
    true,
  )
})

test.serial('depths and widths out of range are refused', (t) => {
  const refuse = (make: () => unknown, message: RegExp) => t.throws(make, { instanceOf: ValueError, message })
  for (const depth of [2, 21, 20.5, Number.NaN]) {
    refuse(() => models.cifarResNet({ depth }), /CifarResNet: depth is .*, expected 6n \+ 2/)
  }
  refuse(() => models.cifarResNet({ baseChannels: 0 }), /CifarResNet: baseChannels is 0/)
  refuse(() => models.cifarResNet({ shortcut: 'none' as 'pad' }), /shortcut is 'none'/)
  refuse(() => models.resnet18({ baseChannels: 1.5 }), /ResNet: baseChannels is 1.5/)
  refuse(() => models.resnext50({ cardinality: 0 }), /ResNeXt: cardinality is 0/)
  refuse(() => models.resnext50({ width: -4 }), /ResNeXt: width is -4/)
  refuse(() => models.seresnet50({ reduction: 0 }), /SEResNet: reduction is 0/)
  refuse(() => models.mobilenetV2({ width: 0 }), /MobileNetV2: width is 0/)
})
