// LeNet-5, AlexNet, VGG, GoogLeNet, DenseNet-121 and two small networks: exact counts, names, sizes, and that they learn.
import test from 'ava'
import {
  functional,
  manualSeed,
  models,
  nn,
  noGrad,
  randn,
  ShapeError,
  Tensor,
  tidy,
  ValueError,
  zeros,
} from '../../lib/index.js'
import { goldenJson, numbers, relativeError } from '../support/golden-json.js'
import { checkNames, type Names, type Network } from '../support/model-golden.js'
import { lossesOnOneBatch } from '../support/training.js'

// ---- counts that are written as formulas --------------------------------------------------------------------------------

/** A k×k convolution (or, with k = 1, a linear layer) with its biases. */
const biased = (k: number, from: number, to: number) => k * k * from * to + to
/** A k×k convolution without, and its normalisation. */
const normed = (k: number, from: number, to: number) => k * k * from * to + 2 * to
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

const lenetParams = biased(5, 1, 6) + biased(5, 6, 16) + biased(5, 16, 120) + biased(1, 120, 84) + biased(1, 84, 10)
const cifarParams = biased(5, 3, 32) + biased(5, 32, 32) + biased(5, 32, 64) + biased(1, 1024, 64) + biased(1, 64, 10)
const catsParams = normed(3, 3, 16) + normed(3, 16, 32) + normed(3, 32, 64) + normed(3, 64, 128) + biased(1, 2048, 2)

/** Half of a two-group convolution sees half of the input: k·k·from/2 weights for each output. */
const alexnet2012Params =
  biased(11, 3, 96) +
  biased(5, 96 / 2, 256) +
  biased(3, 256, 384) +
  biased(3, 384 / 2, 384) +
  biased(3, 384 / 2, 256) +
  biased(1, 256 * 6 * 6, 4096) +
  biased(1, 4096, 4096) +
  biased(1, 4096, 1000)

/** Of the naive modules: 1×1, 3×3 and 5×5 filters; each puts out these and its input. */
const naiveParams = (() => {
  const filters = [
    [64, 128, 32],
    [128, 192, 96],
    [192, 208, 48],
    [160, 224, 64],
    [128, 256, 64],
    [112, 288, 64],
    [256, 320, 128],
    [256, 320, 128],
    [384, 384, 128],
  ] as const
  let [from, total] = [192, normed(7, 3, 64) + normed(1, 64, 64) + normed(3, 64, 192)]
  const auxiliary = (channels: number) => normed(1, channels, 128) + biased(1, 2048, 1024) + biased(1, 1024, 1000)
  for (const [i, [one, three, five]] of filters.entries()) {
    total += normed(1, from, one) + normed(3, from, three) + normed(5, from, five)
    from += one + three + five
    // Behind 4a and 4d.
    if (i === 2 || i === 5) total += auxiliary(from)
  }
  return total + biased(1, from, 1000)
})()

// ---- full sizes ---------------------------------------------------------------------------------------------------------

interface Full {
  name: string
  make: () => Network
  params: number
  /** Of the paper, but small for VGG, which is large. */
  shape: readonly number[]
  /** What nn.summary says for this size. */
  layers: number
  multiplyAdds: number
  /** torchvision's name, where it has the network. */
  torch?: string
}

const [grey, small, imageNet] = [
  [1, 1, 32, 32],
  [1, 3, 32, 32],
  [1, 3, 224, 224],
] as const

/** Of VGG's linear layers: the same for pictures of every size. Its convolutions have 49 times fewer at 32×32 than at 224×224. */
const vggLinear = 25_088 * 4096 + 4096 * 4096 + 4096 * 1000

const vggs: Full[] = (
  [
    ['vgg11', models.vgg11, 132_863_336, 30, 7_609_090_048],
    ['vgg11_bn', models.vgg11Bn, 132_868_840, 38, 7_609_090_048],
    ['vgg13', models.vgg13, 133_047_848, 34, 11_308_466_176],
    ['vgg13_bn', models.vgg13Bn, 133_053_736, 44, 11_308_466_176],
    ['vgg16', models.vgg16, 138_357_544, 40, 15_470_264_320],
    ['vgg16_bn', models.vgg16Bn, 138_365_992, 53, 15_470_264_320],
    ['vgg19', models.vgg19, 143_667_240, 46, 19_632_062_464],
    ['vgg19_bn', models.vgg19Bn, 143_678_248, 62, 19_632_062_464],
  ] as const
).map(([name, make, params, layers, multiplyAdds]) => {
  const shrunk = (multiplyAdds - vggLinear) / 49 + vggLinear
  return { name, make: () => make(), params, shape: small, layers, multiplyAdds: shrunk, torch: name }
})

const full: Full[] = [
  { name: 'LeNet-5', make: models.lenet5, params: lenetParams, shape: grey, layers: 12, multiplyAdds: 416_520 },
  { name: 'CIFAR-10', make: models.cifar10Net, params: cifarParams, shape: small, layers: 9, multiplyAdds: 12_354_176 },
  {
    name: 'cats and dogs',
    make: models.catsAndDogsNet,
    params: catsParams,
    shape: [1, 3, 64, 64],
    layers: 19,
    multiplyAdds: 15_929_344,
  },
  {
    name: 'AlexNet',
    make: models.alexnet,
    params: 61_100_840,
    shape: imageNet,
    layers: 22,
    multiplyAdds: 714_188_480,
    torch: 'alexnet',
  },
  {
    name: 'AlexNet of 2012',
    make: models.alexnet2012,
    params: alexnet2012Params,
    shape: [1, 3, 227, 227],
    layers: 24,
    multiplyAdds: 724_406_816,
  },
  ...vggs,
  {
    name: 'GoogLeNet',
    make: () => models.googlenet(),
    params: 13_004_888,
    shape: imageNet,
    layers: 187,
    multiplyAdds: 1_498_376_192,
    torch: 'googlenet',
  },
  {
    name: 'GoogLeNet without auxiliary classifiers',
    make: () => models.googlenet({ auxLogits: false }),
    params: 6_624_904,
    shape: imageNet,
    layers: 187,
    multiplyAdds: 1_498_376_192,
  },
  {
    name: 'naive GoogLeNet',
    make: () => models.googlenetNaive(),
    params: naiveParams,
    shape: imageNet,
    layers: 106,
    multiplyAdds: 12_568_061_056,
  },
  {
    name: 'DenseNet-121',
    make: models.densenet121,
    params: 7_978_856,
    shape: imageNet,
    layers: 426,
    multiplyAdds: 2_834_161_664,
    torch: 'densenet121',
  },
]

const torchvision = goldenJson<{ [name: string]: Names & { params: number } }>('models/states.json')

for (const { name, make, params, shape, layers, multiplyAdds, torch } of full) {
  test.serial(
    `${name} has ${params} parameters, ${layers} layers and ${multiplyAdds} multiply-adds at ${shape.slice(2).join('×')}`,
    (t) => {
      const net = make()
      const summary = nn.summary(net, shape)
      t.is(summary.params, params)
      t.is(summary.rows.length, layers)
      t.is(summary.multiplyAdds, multiplyAdds)
      t.deepEqual(summary.rows.at(-1)?.outputShape.length, 2)
      if (torch !== undefined) {
        t.is(params, torchvision[torch]!.params)
        checkNames(t, net, torchvision[torch]!)
      }
      net.dispose()
    },
  )
}

test('the counts of the formulas are those in the papers and the documentation', (t) => {
  t.is(lenetParams, 61_706)
  t.is(cifarParams, 145_578)
  t.is(catsParams, 101_778)
  t.is(alexnet2012Params, 60_965_224)
  t.is(naiveParams, 104_279_704)
})

// ---- training -----------------------------------------------------------------------------------------------------------

/**
 * He's rule for all weights but the last layer's: what networks without normalisation start from here. With torchvision's first
 * weights their loss stands still for many more steps than a test has.
 */
function drawn(net: models.AlexNet | models.VGG): Network {
  const last = net.classifier.at(-1) as nn.Linear
  return net.apply((module) => {
    if (module === last) nn.init.kaimingUniform_(last.weight, { a: Math.sqrt(5) })
    else if (module instanceof nn.Conv2d || module instanceof nn.Linear) {
      nn.init.kaimingNormal_(module.weight, { nonlinearity: 'relu' })
      if (module.bias) nn.init.zeros_(module.bias)
    }
  })
}

type Make = (options?: object) => Network

const few = { numClasses: 4, hiddenUnits: 64, dropout: 0 }

/** [name, network of few classes, its input, learning rate] */
const trained: [string, Make, readonly number[], number][] = [
  ['LeNet-5', (options) => models.lenet5({ numClasses: 4, ...options }), [4, 1, 32, 32], 0.05],
  [
    'LeNet-5 with ReLU and maximum pooling',
    (options) => models.lenet5({ numClasses: 4, activation: 'relu', pooling: 'max', ...options }),
    [4, 1, 32, 32],
    0.05,
  ],
  ['the CIFAR-10 network', (options) => models.cifar10Net({ numClasses: 4, ...options }), [4, 3, 32, 32], 0.02],
  [
    'the network for cats and dogs',
    (options) => models.catsAndDogsNet({ numClasses: 4, size: 32, widths: [8, 16, 32], ...options }),
    [4, 3, 32, 32],
    0.005,
  ],
  ['AlexNet', (options) => drawn(models.alexnet({ ...few, ...options })), [4, 3, 63, 63], 0.0005],
  ['AlexNet of 2012', (options) => drawn(models.alexnet2012({ ...few, ...options })), [2, 3, 227, 227], 0.0005],
  ['VGG-11', (options) => drawn(models.vgg11({ ...few, ...options })), [4, 3, 32, 32], 0.0005],
  ['VGG-13', (options) => drawn(models.vgg13({ ...few, ...options })), [4, 3, 32, 32], 0.0005],
  ['VGG-16', (options) => drawn(models.vgg16({ ...few, ...options })), [4, 3, 32, 32], 0.0005],
  ['VGG-19', (options) => drawn(models.vgg19({ ...few, ...options })), [4, 3, 32, 32], 0.0005],
  ['VGG-11 with batch normalisation', (options) => models.vgg11Bn({ ...few, ...options }), [4, 3, 32, 32], 0.02],
  ['VGG-13 with batch normalisation', (options) => models.vgg13Bn({ ...few, ...options }), [4, 3, 32, 32], 0.02],
  ['VGG-16 with batch normalisation', (options) => models.vgg16Bn({ ...few, ...options }), [4, 3, 32, 32], 0.02],
  ['VGG-19 with batch normalisation', (options) => models.vgg19Bn({ ...few, ...options }), [4, 3, 32, 32], 0.02],
  [
    'GoogLeNet',
    (options) => models.googlenet({ numClasses: 4, width: 0.25, dropout: 0, dropoutAux: 0, ...options }),
    [4, 3, 64, 64],
    0.02,
  ],
  [
    'naive GoogLeNet',
    (options) => models.googlenetNaive({ numClasses: 4, width: 0.125, dropout: 0, dropoutAux: 0, ...options }),
    [4, 3, 64, 64],
    0.02,
  ],
  [
    'DenseNet',
    (options) =>
      models.densenet121({ numClasses: 4, layers: [2, 2, 2, 2], growthRate: 8, stemChannels: 16, ...options }),
    [4, 3, 64, 64],
    0.02,
  ],
]

for (const [name, make, shape, lr] of trained) {
  test.serial(`${name} halves its loss in 20 steps on one batch`, (t) => {
    manualSeed(1)
    const net = make()
    const { first, last } = lossesOnOneBatch(net, shape, { lr })
    t.true(last < first / 2, `${first} → ${last}`)
    net.dispose()
  })

  test.serial(`${name} takes other channels and numbers of classes, and refuses what are none`, (t) => {
    const inChannels = shape[1]! + 1
    tidy(() =>
      noGrad(() => {
        const net = make({ numClasses: 7, inChannels }).eval()
        const y = net.forward(zeros([2, inChannels, ...shape.slice(2)])) as Tensor
        t.deepEqual(y.shape, [2, 7])
        const message = /› (c1|conv1|0|features) (› )?.*expects/
        t.throws(() => net.forward(zeros(shape)), { instanceOf: ShapeError, message })
        net.dispose()
      }),
    )
    t.throws(() => make({ numClasses: 0 }), { instanceOf: ValueError, message: /numClasses is 0/ })
    t.throws(() => make({ inChannels: 1.5 }), { instanceOf: ValueError, message: /inChannels is 1.5/ })
  })
}

// ---- sizes --------------------------------------------------------------------------------------------------------------

/** [name, network, sizes that work, sizes that don't and the layer that refuses them] */
const sized: [string, () => Network, (readonly [number, number])[], (readonly [number, number, RegExp])[]][] = [
  [
    'LeNet-5',
    () => models.lenet5({ inChannels: 3 }),
    [[32, 32]],
    [
      [36, 36, /LeNet5 › f6 \(Linear\)/],
      [24, 32, /LeNet5 › c5 \(Conv2d\)/],
    ],
  ],
  [
    'CIFAR-10',
    () => models.cifar10Net(),
    [
      [32, 32],
      [39, 34],
    ],
    [
      [40, 40, /CIFAR10Net › 7 \(Linear\)/],
      [7, 32, /CIFAR10Net › 5 \(MaxPool2d\)/],
    ],
  ],
  [
    'cats and dogs',
    () => models.catsAndDogsNet({ size: 80 }),
    [
      [80, 80],
      [95, 84],
    ],
    [[64, 64, /CatsAndDogsNet › 18 \(Linear\)/]],
  ],
  [
    'AlexNet',
    () => models.alexnet(few),
    [
      [63, 63],
      [224, 130],
    ],
    [[62, 90, /AlexNet › features › 12 \(MaxPool2d\)/]],
  ],
  [
    'AlexNet of 2012',
    () => models.alexnet2012(few),
    [
      [227, 227],
      [258, 240],
    ],
    [
      [226, 227, /AlexNet › classifier › 0 \(Linear\)/],
      [227, 259, /AlexNet › classifier › 0 \(Linear\)/],
      [50, 50, /AlexNet › features › \d+ \(MaxPool2d\)/],
    ],
  ],
  [
    'VGG',
    () => models.vgg11(few),
    [
      [32, 32],
      [47, 70],
    ],
    [[31, 64, /VGG › features › 20 \(MaxPool2d\)/]],
  ],
  [
    'GoogLeNet',
    () => models.googlenet({ numClasses: 3, width: 0.125 }),
    [
      [15, 15],
      [33, 70],
    ],
    [[14, 32, /GoogLeNet › maxpool3 \(MaxPool2d\)/]],
  ],
  [
    'DenseNet',
    () => models.densenet121({ numClasses: 3, layers: [1, 1, 1, 1], growthRate: 4, stemChannels: 8 }),
    [
      [29, 29],
      [65, 48],
    ],
    [[28, 64, /DenseNet › features › transition3 › pool/]],
  ],
]

for (const [name, make, works, fails] of sized) {
  test.serial(`${name} takes the sizes that it can and names the layer that cannot`, (t) => {
    tidy(() =>
      noGrad(() => {
        const net = make().eval()
        for (const [height, width] of works) {
          t.is((net.forward(zeros([1, 3, height, width])) as Tensor).rank, 2)
        }
        for (const [height, width, message] of fails) {
          t.throws(() => net.forward(zeros([1, 3, height, width])), { instanceOf: ShapeError, message })
        }
        net.dispose()
      }),
    )
  })
}

test('options out of range are refused by name', (t) => {
  const refuse = (make: () => unknown, message: RegExp) => t.throws(make, { instanceOf: ValueError, message })
  refuse(() => models.lenet5({ pooling: 'min' as 'max' }), /LeNet5: pooling is 'min', expected one of avg, max/)
  refuse(() => models.lenet5({ activation: 'swish' as 'silu' }), /activation is 'swish'/)
  refuse(() => models.catsAndDogsNet({ size: 15 }), /size is 15, expected at least 16 for 4 poolings/)
  refuse(() => models.catsAndDogsNet({ widths: [8, 0] }), /widths\[1\] is 0/)
  refuse(() => models.catsAndDogsNet({ dropout: 1 }), /dropout is 1/)
  refuse(() => models.alexnet({ hiddenUnits: 0 }), /AlexNet: hiddenUnits is 0/)
  refuse(() => models.alexnet2012({ dropout: -0.1 }), /AlexNet: dropout is -0.1/)
  refuse(() => models.vgg16({ hiddenUnits: 1.5 }), /VGG: hiddenUnits is 1.5/)
  refuse(() => models.vgg19Bn({ dropout: Number.NaN }), /VGG: dropout is NaN/)
  refuse(() => models.googlenet({ dropout: 1 }), /GoogLeNet: dropout is 1/)
  refuse(() => models.googlenet({ dropoutAux: 2 }), /GoogLeNet: dropoutAux is 2/)
  refuse(() => models.googlenet({ width: 0 }), /GoogLeNet: width is 0/)
  refuse(() => models.googlenet({ kernel5x5: 0 }), /GoogLeNet: kernel5x5 is 0/)
  refuse(() => models.densenet121({ layers: [6, 0] }), /DenseNet: layers\[1\] is 0/)
  refuse(() => models.densenet121({ growthRate: 0 }), /DenseNet: growthRate is 0/)
  refuse(() => models.densenet121({ bottleneck: -1 }), /DenseNet: bottleneck is -1/)
  refuse(() => models.densenet121({ dropout: 1 }), /DenseNet: dropout is 1/)
})

// ---- what is particular to one ------------------------------------------------------------------------------------------

test.serial('GoogLeNet returns auxiliary logits in training alone', (t) => {
  manualSeed(2)
  tidy(() => {
    const net = models.googlenet({ numClasses: 5, width: 0.125 })
    const x = randn([4, 3, 64, 64])
    const output = net.train().forward(x)
    if (output instanceof Tensor) return t.fail('no auxiliary logits')
    const { logits, auxLogits1, auxLogits2 } = output
    for (const each of [logits, auxLogits1, auxLogits2]) t.deepEqual(each.shape, [4, 5])
    const target = zeros([4], { dtype: 'int32' })
    const [main, first, second] = [logits, auxLogits1, auxLogits2].map((each) =>
      functional.crossEntropy(each, target).itemSync(),
    ) as [number, number, number]
    t.true(Math.abs(models.googlenetLoss(output, target).itemSync() - (main + 0.3 * (first + second))) < 1e-5)
    t.true(Math.abs(models.googlenetLoss(output, target, 0).itemSync() - main) < 1e-6)
    const plain = net.eval().forward(x)
    t.true(plain instanceof Tensor)

    // Without them the type says that a tensor comes, in training too.
    const single: nn.Module = models.googlenet({ numClasses: 5, width: 0.125, auxLogits: false })
    t.deepEqual(single.train().forward(x).shape, [4, 5])
    t.false(Object.keys(single.stateDict()).some((key) => key.startsWith('aux')))
    const loss = models.googlenetLoss(single.forward(x), target)
    t.is(loss.size, 1)
  })
})

test.serial("GoogLeNet's 5×5 paths have kernels of 3 as in torchvision, or of 5 as in the paper", (t) => {
  const kernels = (net: nn.AnyModule) => net.stateDict()['inception3a.branch3.1.conv.weight']?.shape
  t.deepEqual(kernels(models.googlenet()), [32, 16, 3, 3])
  t.deepEqual(kernels(models.googlenet({ kernel5x5: 5 })), [32, 16, 5, 5])
  t.deepEqual(
    models.googlenetNaive({ width: 0.25 }).stateDict()['inception3a.branch3.conv.weight']?.shape,
    [8, 48, 5, 5],
  )
})

test.serial("AlexNet's local response normalisation is that of the paper", (t) => {
  manualSeed(3)
  tidy(() => {
    const norm = models.alexnet2012(few).features[2]!
    const x = randn([1, 8, 2, 3])
    const squares = numbers(x.square())
    // b = a / (2 + 1e-4 · Σ a²)^0.75 over the five channels around.
    const expected = numbers(x).map((a, i) => {
      const [channel, place] = [Math.floor(i / 6), i % 6]
      const around = Array.from({ length: 8 }, (_, c) => (Math.abs(c - channel) <= 2 ? squares[6 * c + place]! : 0))
      return a / (2 + 1e-4 * sum(around)) ** 0.75
    })
    t.true(relativeError(numbers(norm.forward(x)), expected) < 1e-6)
  })
})

test.serial('dropout stands where the networks have it', (t) => {
  const places = (net: nn.AnyModule) =>
    net
      .namedModules()
      .filter(([, module]) => module instanceof nn.Dropout)
      .map(([name, module]) => `${name} ${(module as nn.Dropout).p}`)
  t.deepEqual(places(models.alexnet({ hiddenUnits: 8 })), ['classifier.0 0.5', 'classifier.3 0.5'])
  t.deepEqual(places(models.alexnet2012({ hiddenUnits: 8 })), ['classifier.2 0.5', 'classifier.5 0.5'])
  t.deepEqual(places(models.vgg11({ hiddenUnits: 8, dropout: 0.1 })), ['classifier.2 0.1', 'classifier.5 0.1'])
  t.deepEqual(places(models.googlenet({ width: 0.1 })), ['aux1.dropout 0.7', 'aux2.dropout 0.7', 'dropout 0.2'])
  t.deepEqual(places(models.catsAndDogsNet()), ['17 0.5'])
})
