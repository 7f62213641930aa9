// A batch in parts: the results are those of the whole batch, and what mixes samples is never taken apart.
import test from 'ava'
import {
  compile,
  functional as F,
  manualSeed,
  models,
  nn,
  noGrad,
  randn,
  setDefaultDevice,
  type Tensor,
  tidy,
  ValueError,
} from '../lib/index.js'
import { relativeError } from './support/compare.js'
import { testedDevices } from './support/devices.js'

const values = (t: Tensor) => [...(t.dataSync() as Float32Array)]

type Function = (x: Tensor) => Tensor | Tensor[]
const listOf = (results: Tensor | Tensor[]) => (Array.isArray(results) ? results : [results])

/** Compiled in parts against eager, in two runs; gives how many samples went through at once. */
function samplesOf(
  t: { true(value: boolean, message?: string): unknown },
  fn: Function,
  x: Tensor,
  microBatch: number,
): number {
  const expected = tidy(() => noGrad(() => listOf(fn(x)).map(values)))
  const compiled = compile((x: Tensor) => noGrad(() => fn(x)), { microBatch })
  for (const run of [1, 2]) {
    const actual = tidy(() => listOf(compiled(x)).map(values))
    for (const [i, each] of actual.entries()) {
      const error = relativeError(each, expected[i]!)
      t.true(error <= 1e-5, `run ${run}, result ${i}: relative error ${error}`)
    }
  }
  const { microBatch: samples } = compiled.programs()[0]!
  compiled.dispose()
  return samples
}

const conv = (inputs: number, outputs: number, size = 3) => new nn.Conv2d(inputs, outputs, size, { padding: size >> 1 })

/** Functions of [N, 6, 10, 12] whose results are made sample by sample. */
const separable: Record<string, () => Function> = {
  'convolutions of full and padded blocks': () => {
    const [a, b, c] = [conv(6, 16), conv(16, 24, 5), conv(24, 5, 1)]
    return (x) => c.forward(F.relu6(b.forward(a.forward(x).relu())))
  },
  'several results, one of them in a blocked layout': () => {
    const [a, b] = [conv(6, 32), conv(32, 32)]
    return (x) => {
      const y = a.forward(x)
      return [b.forward(y), y.mean([2, 3]), F.maxPool2d(y, 2)]
    }
  },
  'concatenation, residual, folded normalisation': () => {
    const [a, b] = [conv(6, 16), conv(16, 16)]
    const norm = new nn.BatchNorm2d(16).eval()
    return (x) => {
      const y = norm.forward(a.forward(x)).relu()
      return F.cat([b.forward(y).add(y).relu(), y], 1)
    }
  },
  'normalisation of groups, layers and neighbours': () => {
    const [layer, group] = [new nn.LayerNorm([10, 12]), new nn.GroupNorm(3, 6)]
    return (x) => F.localResponseNorm(group.forward(layer.forward(x)), 5)
  },
  'linear layers, softmax, maximum': () => {
    const linear = new nn.Linear(720, 10)
    return (x) => {
      const logits = linear.forward(x.reshape([x.shape[0]!, 720]).relu())
      return [F.softmax(logits, 1), logits.argmax(1).to('float32'), logits.sum(1)]
    }
  },
  'a gate for each channel of each sample': () => (x) => x.mul(x.mean([2, 3], { keepdim: true }).sigmoid()).add(x),
  'transposed convolution, upsampling, pooling': () => {
    const up = new nn.ConvTranspose2d(6, 8, 4, { stride: 2, padding: 1 })
    return (x) => F.avgPool2d(F.interpolate(up.forward(x), { scaleFactor: 2 }), 3, { stride: 2 })
  },
  'permutation and products of matrices': () => {
    const weight = randn([12, 7])
    return (x) => {
      const rows = x.reshape([x.shape[0]!, 60, 12])
      return [rows.matmul(weight), rows.matmul(rows.permute([0, 2, 1]))]
    }
  },
}

for (const { name: device } of testedDevices()) {
  for (const [name, make] of Object.entries(separable)) {
    test.serial(`${device}: ${name}`, (t) => {
      manualSeed(1)
      setDefaultDevice(device)
      t.teardown(() => setDefaultDevice('cpu'))
      const fn = make()
      for (const [batch, samples] of [
        [2, 1],
        [7, 3],
        [9, 2],
        [8, 4],
      ] as const) {
        const x = randn([batch, 6, 10, 12], { device })
        const used = samplesOf(t, fn, x, samples)
        // cuda wants what it reads and writes aligned, which not all samples are
        if (device.startsWith('cuda')) t.true([0, samples].includes(used))
        else t.is(used, samples, `batch ${batch}`)
        x.dispose()
      }
    })
  }
}

const mixing: Record<string, Function> = {
  'a mean over the batch': (x) => x.sub(x.mean([0], { keepdim: true })),
  'a sum of all': (x) => x.mul(x.sum()),
  'softmax over the batch': (x) => F.softmax(x, 0),
  'normalisation by the statistics of the batch': (x) => F.batchNorm(x, null, null, { training: true }),
  'all pairs of samples': (x) => x.reshape([x.shape[0]!, 720]).matmul(x.reshape([x.shape[0]!, 720]).permute([1, 0])),
  'samples put behind each other': (x) => F.cat([x, x], 0),
  'the batch turned round': (x) => x.flip([0]),
  'samples as channels': (x) => x.permute([1, 0, 2, 3]).relu(),
  'samples run together': (x) => x.reshape([x.shape[0]! * 6, 10, 12]).relu(),
  'the batch as features': (x) => x.permute([1, 2, 3, 0]).matmul(x.permute([1, 2, 0, 3])),
  'a result that is no batch': (x) => [x.relu(), x.mean()],
}

for (const [name, fn] of Object.entries(mixing)) {
  test.serial(`at once: ${name}`, (t) => {
    const x = randn([6, 6, 10, 12], { device: 'cpu' })
    t.is(samplesOf(t, fn, x, 2), 0)
    x.dispose()
  })
}

test.serial('at once: what is there for each sample, from outside', (t) => {
  const each = randn([6, 1, 1, 1], { device: 'cpu' })
  const x = randn([6, 6, 10, 12], { device: 'cpu' })
  t.is(
    samplesOf(t, (x) => x.mul(each), x, 2),
    0,
  )
  const [first, ofAll] = [randn([1, 6, 1, 1], { device: 'cpu' }), randn([12], { device: 'cpu' })]
  t.is(
    samplesOf(t, (x) => x.mul(first).add(ofAll), x, 2),
    2,
  )
})

test.serial('at once: what draws random numbers or changes tensors', (t) => {
  const x = randn([6, 720], { device: 'cpu' })
  const [dropout, linear] = [new nn.Dropout(0.5), new nn.Linear(720, 720)]
  const norm = new nn.BatchNorm1d(720)
  const counter = tidy(() => randn([1], { device: 'cpu' }))
  const functions: Function[] = [
    (x) => dropout.forward(linear.forward(x)),
    (x) => norm.forward(linear.forward(x)),
    (x) => {
      counter.copy_(counter.add(1))
      return linear.forward(x)
    },
  ]
  for (const fn of functions) {
    const compiled = compile((x: Tensor) => noGrad(() => fn(x)), { microBatch: 2 })
    tidy(() => void compiled(x))
    t.is(compiled.programs()[0]!.microBatch, 0)
  }
})

test.serial('several inputs: samples of each, and what is no batch', (t) => {
  const [x, y] = [randn([5, 16, 8, 8], { device: 'cpu' }), randn([5, 16, 8, 8], { device: 'cpu' })]
  const [scale, weight] = [randn([], { device: 'cpu' }), randn([16, 16, 1, 1], { device: 'cpu' })]
  const fn = (x: Tensor, y: Tensor, scale: Tensor, weight: Tensor) => F.conv2d(x.mul(y).mul(scale), weight).relu()
  const expected = tidy(() => values(fn(x, y, scale, weight)))
  const compiled = compile(fn, { microBatch: 2 })
  const actual = tidy(() => values(compiled(x, y, scale, weight)))
  t.true(relativeError(actual, expected) <= 1e-5)
  t.is(compiled.programs()[0]!.microBatch, 2)
})

test.serial('results in blocked layouts go on: to eager ops and to other compiled functions', (t) => {
  const [a, b] = [conv(3, 32), conv(32, 16)]
  const x = randn([5, 3, 9, 7], { device: 'cpu' })
  const expected = tidy(() => noGrad(() => values(b.forward(a.forward(x).relu()).sum([1]))))
  for (const microBatch of [1, 2, 3]) {
    const first = compile((x: Tensor) => noGrad(() => a.forward(x).relu()), { microBatch })
    const second = compile((x: Tensor) => noGrad(() => b.forward(x)), { microBatch })
    const actual = tidy(() => values(second(first(x)).sum([1])))
    t.true(relativeError(actual, expected) <= 1e-5, `${microBatch} at once`)
  }
})

test.serial('by itself: where a sample is large and weights are few, and in less memory', (t) => {
  const [a, b] = [conv(4, 32), conv(32, 32)]
  const wide = randn([64, 4, 160, 160], { device: 'cpu' }) // 3.3 MB a sample and layer
  const whole = compile((x: Tensor) => noGrad(() => b.forward(a.forward(x).relu()).mean([2, 3])), { microBatch: 64 })
  const parts = compile((x: Tensor) => noGrad(() => b.forward(a.forward(x).relu()).mean([2, 3])))
  const [expected, actual] = tidy(() => [values(whole(wide)), values(parts(wide))])
  t.true(relativeError(actual!, expected!) <= 1e-5)
  const [inParts, atOnce] = [parts.programs()[0]!, whole.programs()[0]!]
  t.is(atOnce.microBatch, 0)
  // how many depends on the threads, of which each has a part of the cache
  t.true(inParts.microBatch >= 1 && inParts.microBatch <= 32, `${inParts.microBatch} samples at once`)
  t.true(inParts.arenaBytes < atOnce.arenaBytes / 1.9, `${inParts.arenaBytes} against ${atOnce.arenaBytes} bytes`)

  // Not worth it: a few small samples; and layers whose weights outweigh their activations.
  const small = compile((x: Tensor) => noGrad(() => a.forward(x)))
  tidy(() => void small(randn([12, 4, 16, 16], { device: 'cpu' })))
  t.is(small.programs()[0]!.microBatch, 0)
  const heavy = new nn.Linear(40_000, 500)
  const linear = compile((x: Tensor) => noGrad(() => heavy.forward(x).relu()))
  tidy(() => void linear(randn([1200, 40_000], { device: 'cpu' })))
  t.is(linear.programs()[0]!.microBatch, 0)
})

test.serial('networks in parts are networks at once', (t) => {
  for (const [name, net, shape] of [
    ['MobileNetV2', models.mobilenetV2({ numClasses: 10 }), [3, 3, 64, 64]],
    ['GoogLeNet', models.googlenet({ numClasses: 10, auxLogits: false }), [3, 3, 64, 64]],
    ['ResNet-18', models.resnet18({ numClasses: 10 }), [5, 3, 64, 64]],
  ] as const) {
    net.eval()
    const x = randn(shape, { device: 'cpu' })
    t.is(
      samplesOf(t, (x) => net.forward(x) as Tensor, x, 2),
      2,
      name,
    )
    for (const each of [...net.parameters(), x]) each.dispose()
  }
})

test('a number of samples that is none is refused', (t) => {
  for (const microBatch of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    const error = t.throws(() => compile((x: Tensor) => x, { microBatch }), { instanceOf: ValueError })
    t.regex(error.message, /microBatch/)
  }
})
