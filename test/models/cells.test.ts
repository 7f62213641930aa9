// MobileNet V1, Xception, NASNet-A, AmoebaNet-A: exact counts, names, sizes, and that they learn.
import test from 'ava'
import { manualSeed, models, type nn, noGrad, ShapeError, tidy, ValueError, zeros } from '../../lib/index.js'
import { lossesOnOneBatch } from '../support/training.js'

const size = (net: nn.AnyModule) => net.parameters().reduce((sum, parameter) => sum + parameter.size, 0)

const counts: [string, () => nn.Module, number][] = [
  ['MobileNet V1', () => models.mobilenetV1(), 4_231_976],
  ['Xception', () => models.xception(), 22_855_952],
  ['NASNet-A mobile', () => models.nasnetAMobile(), 5_289_978],
  ['NASNet-A large', () => models.nasnetALarge(), 88_753_150],
  ['AmoebaNet-A', () => models.amoebanetA(), 4_982_312],
]

for (const [name, make, expected] of counts) {
  test.serial(`${name} has ${expected} parameters`, (t) => {
    const net = make()
    t.is(size(net), expected)
    net.dispose()
  })
}

test('AmoebaNet-A and NASNet-A mobile have the parameters that their tables say', (t) => {
  // An independent count: operations without names, cells by what they read.
  type Cost = (f: number) => number
  const sep = (k: number, from: number, f: number) => k * k * from + from * f + k * k * f + f * f + 4 * f
  const one = (from: number, f: number) => from * f + 2 * f
  const nets: [() => nn.Module, number, boolean, Cost, Cost, number, number][] = [
    [
      () => models.nasnetAMobile(),
      44,
      false,
      (f) => 2 * sep(5, f, f) + 3 * sep(3, f, f),
      (f) => 2 * sep(5, f, f) + 2 * sep(7, f, f) + sep(3, f, f),
      6,
      4,
    ],
    [
      () => models.amoebanetA(),
      50,
      true,
      (f) => 3 * sep(3, f, f) + sep(5, f, f),
      (f) => 2 * sep(3, f, f) + 2 * sep(7, f, f) + 14 * f * f + 2 * f,
      3,
      3,
    ],
  ]
  for (const [make, filters, isPrepared, normal, reduction, normalWidth, reductionWidth] of nets) {
    let total = 3 * 9 * 32 + 2 * 32
    const [quarter, half] = [Math.floor(filters / 4), filters / 2]
    total += one(32, quarter)
    if (isPrepared) total += one(32, quarter) + reduction(quarter)
    else {
      // Here 5×5 and 7×7 convolutions read the 32 channels of the stem themselves.
      total += sep(5, quarter, quarter) + sep(3, quarter, quarter) + 2 * sep(7, 32, quarter) + sep(5, 32, quarter)
    }
    let [previous, last] = [32, reductionWidth * quarter]
    const step = (f: number, cost: Cost, width: number, from = previous) => {
      total += one(from, f) + one(last, f) + cost(f)
      previous = last
      last = width * f
    }
    step(half, reduction, reductionWidth)
    for (const f of [filters, 2 * filters, 4 * filters]) {
      if (f > filters) step(f, reduction, reductionWidth)
      for (let i = 0; i < 4; i++) step(f, normal, normalWidth)
    }
    total += last * 1000 + 1000
    const net = make()
    t.is(size(net), total)
    net.dispose()
  }
})

test('names are those of the published weights', (t) => {
  const expectKeys = (net: nn.Module, keys: readonly string[]) => {
    const own = net.stateDict()
    for (const key of keys) t.true(key in own, key)
  }
  expectKeys(models.mobilenetV1({ width: 0.25 }), [
    'conv_stem.weight',
    'bn1.running_mean',
    'blocks.3.5.conv_dw.weight',
    'blocks.4.1.bn2.num_batches_tracked',
    'classifier.bias',
  ])
  expectKeys(models.xception({ numClasses: 2 }), [
    'conv1.weight',
    'block1.rep.0.conv1.weight',
    'block2.rep.1.pointwise.weight',
    'block12.skipbn.bias',
    'conv4.pointwise.weight',
    'fc.weight',
  ])
  expectKeys(models.nasnetAMobile({ channels: 8 }), [
    'conv0.conv.weight',
    'cell_stem_0.comb_iter_2_right.separable_2.pointwise_conv2d.weight',
    'cell_stem_1.path_2.conv.weight',
    'cell_9.conv_prev_1x1.bn.weight',
    'reduction_cell_1.comb_iter_4_left.bn_sep_2.running_var',
    'cell_12.final_path_bn.weight',
    'cell_15.conv_1x1.conv.weight',
    'last_linear.bias',
  ])
})

const small: [string, (options?: object) => nn.Module, readonly number[], number][] = [
  ['MobileNet V1', (options) => models.mobilenetV1({ width: 0.25, numClasses: 4, ...options }), [4, 3, 64, 64], 0.02],
  ['Xception', (options) => models.xception({ numClasses: 4, ...options }), [4, 3, 71, 71], 0.02],
  [
    'NASNet-A',
    (options) => models.nasnetAMobile({ channels: 8, cells: 1, numClasses: 4, ...options }),
    [4, 3, 64, 64],
    0.02,
  ],
  [
    'AmoebaNet-A',
    (options) => models.amoebanetA({ channels: 8, cells: 1, numClasses: 4, ...options }),
    [4, 3, 64, 64],
    0.02,
  ],
]

for (const [name, make, shape, lr] of small) {
  test.serial(`${name} halves its loss in 20 steps on one batch`, (t) => {
    manualSeed(1)
    const net = make()
    const { first, last } = lossesOnOneBatch(net, shape, { lr })
    t.true(last < first / 2, `${first} → ${last}`)
    net.dispose()
  })

  test.serial(`${name} takes other sizes, channels and numbers of classes`, (t) => {
    tidy(() =>
      noGrad(() => {
        const net = make({ numClasses: 7, inChannels: 1, dropout: 0.5 }).eval()
        for (const [height, width] of [
          [75, 90],
          [32, 33],
        ] as const) {
          t.deepEqual(net.forward(zeros([2, 1, height, width])).shape, [2, 7])
        }
        t.throws(() => net.forward(zeros([1, 3, 64, 64])), {
          instanceOf: ShapeError,
          message: /› (convStem|conv_stem|conv1|conv0)/,
        })
        net.dispose()
      }),
    )
    t.throws(() => make({ numClasses: 0 }), { instanceOf: ValueError, message: /numClasses is 0/ })
    t.throws(() => make({ inChannels: 1.5 }), { instanceOf: ValueError, message: /inChannels is 1.5/ })
    t.throws(() => make({ dropout: 1 }), { instanceOf: ValueError, message: /dropout is 1/ })
  })
}

test('a picture that is too small for Xception is refused by the layer that cannot take it', (t) => {
  tidy(() => {
    const net = models.xception({ numClasses: 2 }).eval()
    t.throws(() => net.forward(zeros([1, 3, 6, 6])), { instanceOf: ShapeError, message: /Xception › conv2 \(Conv2d\)/ })
    t.deepEqual(net.forward(zeros([1, 3, 7, 7])).shape, [1, 2])
    net.dispose()
  })
})

test('widths and counts out of range are refused', (t) => {
  t.throws(() => models.mobilenetV1({ width: 0 }), { instanceOf: ValueError, message: /width is 0/ })
  t.throws(() => models.nasnetAMobile({ cells: 0 }), { instanceOf: ValueError, message: /cells is 0/ })
  t.throws(() => models.amoebanetA({ channels: 3 }), { instanceOf: ValueError, message: /channels is 3/ })
  t.is(models.mobilenetV1({ width: 0.5 }).classifier.inFeatures, 512)
})
