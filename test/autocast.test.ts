// autocast: the type that each op computes in, gradients in float32, nesting, compiled functions and training; types as rows.
import test from 'ava'
import {
  autocast,
  autocastType,
  compile,
  DTypeError,
  functional as F,
  type HalfType,
  manualSeed,
  nn,
  noGrad,
  optim,
  randint,
  randn,
  type Tensor,
  tensor,
  tidy,
  ValueError,
} from '../lib/index.js'
import { relativeError, tolerances } from './support/compare.js'
import { testedDevices } from './support/devices.js'

const halves = ['bfloat16', 'float16'] as const
const names = testedDevices().map(({ name }) => name)

type Type = 'float32' | HalfType
/** What an op gives under autocast to `half` where its main input is float32, and where it is half. */
interface Row {
  name: string
  call: (x: Tensor, y: Tensor) => Tensor
  /** For float32 and half inputs; `half` stands for the type of the autocast. */
  gives: ['float32' | 'half', 'float32' | 'half']
}

// x and y are [2, 4, 6, 6]; `w(…)` is a float32 parameter.
const w = (...shape: number[]) => randn(shape).requiresGrad_()
const rows = (gives: Row['gives'], calls: { [name: string]: Row['call'] }): Row[] =>
  Object.entries(calls).map(([name, call]) => ({ name, call, gives }))

const table: Row[] = [
  ...rows(['half', 'half'], {
    conv2d: (x) => F.conv2d(x, w(5, 4, 3, 3), w(5)),
    convTranspose2d: (x) => F.convTranspose2d(x, w(4, 5, 3, 3), w(5), { stride: 2 }),
    linear: (x) => F.linear(x, w(5, 6), w(5)),
    matmul: (x, y) => F.matmul(x, y),
  }),
  ...rows(['float32', 'float32'], {
    softmax: (x) => F.softmax(x, 1),
    logSoftmax: (x) => F.logSoftmax(x, 1),
    layerNorm: (x) => F.layerNorm(x, 6, { weight: w(6), bias: w(6) }),
    groupNorm: (x) => F.groupNorm(x, 2, { weight: w(4), bias: w(4) }),
    instanceNorm: (x) => F.instanceNorm(x),
    localResponseNorm: (x) => F.localResponseNorm(x, 3),
    exp: (x) => F.exp(x),
    expm1: (x) => F.expm1(x),
    log: (x) => F.log(x.abs()),
    log1p: (x) => F.log1p(x.abs()),
    pow: (x) => F.pow(x, 3),
    square: (x) => F.square(x),
    reciprocal: (x) => F.reciprocal(x),
    rsqrt: (x) => F.rsqrt(x.abs()),
    softplus: (x) => F.softplus(x),
    sum: (x) => F.sum(x, 1),
    mean: (x) => F.mean(x),
    prod: (x) => F.prod(x, 1),
    variance: (x) => F.variance(x, 1),
    std: (x) => F.std(x),
    mseLoss: (x, y) => F.mseLoss(x, y, { reduction: 'none' }),
    l1Loss: (x, y) => F.l1Loss(x, y, { reduction: 'none' }),
    smoothL1Loss: (x, y) => F.smoothL1Loss(x, y, { reduction: 'none' }),
    klDiv: (x, y) => F.klDiv(x, y.abs(), { reduction: 'none' }),
    binaryCrossEntropy: (x, y) => F.binaryCrossEntropy(x.sigmoid(), y.sigmoid(), { reduction: 'none' }),
    binaryCrossEntropyWithLogits: (x, y) => F.binaryCrossEntropyWithLogits(x, y.sigmoid(), { reduction: 'none' }),
    crossEntropy: (x) => F.crossEntropy(x, tensor(new Int32Array(72), { shape: [2, 6, 6], dtype: 'int32' })),
    'add of float32': (x) => F.add(x, w(6)),
    'where of float32': (x) => F.where(F.gt(x, 0), x, w(6)),
    'cat with float32': (x) => F.cat([x, w(2, 4, 6, 6)], 1),
  }),
  ...rows(['float32', 'half'], {
    relu: (x) => F.relu(x),
    gelu: (x) => F.gelu(x),
    sigmoid: (x) => F.sigmoid(x),
    maxPool2d: (x) => F.maxPool2d(x, 2) as Tensor,
    avgPool2d: (x) => F.avgPool2d(x, 2),
    batchNorm: (x) => F.batchNorm(x, null, null, { weight: w(4), bias: w(4), training: true }),
    dropout: (x) => F.dropout(x, { p: 0.5 }),
    max: (x) => F.max(x, 1),
    'add of its like': (x, y) => F.add(x, y),
    'mul by a number': (x) => F.mul(x, 3),
    reshape: (x) => x.reshape([8, 36]),
    pad: (x) => F.pad(x, [1, 1]),
  }),
]

for (const half of halves) {
  for (const { name, call, gives } of table) {
    test.serial(`types under autocast to ${half}: ${name}`, (t) => {
      tidy(() => {
        const x = randn([2, 4, 6, 6])
        const y = randn([2, 4, 6, 6])
        const typed = (type: Type) => autocast(half, () => call(x.to(type), y.to(type))).dtype
        const name = (type: 'float32' | 'half') => (type === 'half' ? half : type)
        t.is(typed('float32'), name(gives[0]), 'of float32')
        t.is(typed(half), name(gives[1]), `of ${half}`)
      })
    })
  }
}

test.serial('autocast leaves float64 and integers alone', (t) => {
  tidy(() => {
    const x = randn([3, 4], { dtype: 'float64', device: 'reference' })
    t.is(autocast('bfloat16', () => F.matmul(x, x.transpose(0, 1))).dtype, 'float64')
    t.is(autocast('bfloat16', () => F.add(tensor([1, 2], { dtype: 'int32' }), 1)).dtype, 'int32')
  })
})

test.serial('autocast nests, ends with its function and can be switched off inside', (t) => {
  t.is(autocastType(), null)
  const inner = autocast('float16', () => {
    const off = autocast(null, () => autocastType())
    const float32 = autocast('float32', () => autocastType())
    return [autocastType(), off, float32, autocast('bfloat16', () => autocastType()), autocastType()]
  })
  t.deepEqual(inner, ['float16', null, null, 'bfloat16', 'float16'])
  t.throws(() => autocast('float16', () => { throw new Error('stop') }), { message: 'stop' }) // biome-ignore format: one idea
  t.is(autocastType(), null)
})

test.serial('autocast refuses other types and promises', (t) => {
  for (const dtype of ['float64', 'int32', 'float8', 16, undefined]) {
    t.throws(() => autocast(dtype as never, () => 0), { instanceOf: DTypeError, message: /autocast: dtype is/ })
  }
  t.throws(() => autocast('bfloat16', async () => 0), { instanceOf: ValueError })
  t.is(autocastType(), null)
})

test.serial('types that differ are an error where autocast is off, and optimizers refuse half parameters', (t) => {
  tidy(() => {
    const x = randn([2, 3])
    const half = x.to('bfloat16')
    t.throws(() => F.add(x, half), { instanceOf: DTypeError, message: /add: .*bfloat16/ })
    t.throws(() => F.linear(half, randn([4, 3])), { instanceOf: DTypeError, message: /linear: weight/ })
    t.throws(() => autocast('bfloat16', () => autocast(null, () => F.add(x, half))), { instanceOf: DTypeError })
    t.throws(() => F.batchNorm(x, null, null, { weight: half, bias: half, training: true }), { instanceOf: DTypeError })
    const parameter = randn([3]).to('float16').requiresGrad_()
    parameter.sum().backward()
    const optimizer = new optim.SGD([parameter])
    t.throws(() => optimizer.step(), { instanceOf: DTypeError, message: /sgd: .*float16/ })
  })
})

test.serial('a parameter used twice is cast once, and its gradient arrives in float32', (t) => {
  tidy(() => {
    const x = randn([4, 3])
    const weight = randn([3, 3]).requiresGrad_()
    const step = compile(() => {
      autocast('bfloat16', () => F.linear(F.linear(x, weight), weight).sum()).backward()
    })
    step()
    t.is(weight.grad?.dtype, 'float32')
    const casts = step
      .toString('recorded')
      .split('\n')
      .filter((line) => /cast\(captured .*dtype=bfloat16/.test(line))
    t.is(casts.length, 2, casts.join('\n')) // x and weight
    step.dispose()
  })
})

test.serial('parameters are cast anew when they changed, and after a backward pass within one autocast', async (t) => {
  const weight = tensor([[1]]).requiresGrad_()
  const x = tensor([[2]])
  const values = autocast('bfloat16', () =>
    [1, 3].map((value) => {
      noGrad(() => weight.copy_(tensor([[value]])))
      const y = F.linear(x, weight).sum()
      y.backward()
      return y
    }),
  )
  t.deepEqual(await Promise.all(values.map((y) => y.item())), [2, 6])
  t.is(await weight.grad!.item(), 4)
})

for (const half of halves) {
  for (const device of names) {
    const network = () => {
      manualSeed(3)
      const net = new nn.Sequential(
        new nn.Conv2d(3, 16, 3, { padding: 1 }),
        new nn.BatchNorm2d(16),
        new nn.ReLU(),
        new nn.MaxPool2d(2),
        new nn.Conv2d(16, 16, 3, { padding: 1, groups: 2 }),
        new nn.ReLU(),
        new nn.AdaptiveAvgPool2d(1),
        new nn.Flatten(),
        new nn.Linear(16, 5),
      )
      return net.to(device)
    }
    const batch = () => {
      manualSeed(5)
      return { x: randn([16, 3, 8, 8], { device }), y: randint(0, 5, [16], { device }) }
    }
    /** Losses of 40 steps. */
    const train = async (dtype: HalfType | null, isCompiled: boolean): Promise<number[]> => {
      const net = network()
      const { x, y } = batch()
      const optimizer = new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9 })
      const forward = () => F.crossEntropy(net.forward(x), y)
      const once = () => {
        const loss = dtype ? autocast(dtype, forward) : forward()
        loss.backward()
        optimizer.step()
        optimizer.zeroGrad()
        return loss.detach()
      }
      const step = isCompiled ? compile(once) : () => tidy(once)
      const losses: number[] = []
      for (let i = 0; i < 40; i++) losses.push(await step().item())
      return losses
    }

    test.serial(
      `${device}: a network trains under autocast to ${half} as in float32, eager and compiled`,
      async (t) => {
        const wanted = await train(null, false)
        const eager = await train(half, false)
        const compiled = await train(half, true)
        t.true(wanted.at(-1)! < 0.5 * wanted[0]!, `${wanted.at(-1)} of ${wanted[0]}`)
        // A few per cent of where it began: what is left at the end is small.
        for (const losses of [eager, compiled]) {
          t.true(Math.abs(losses.at(-1)! - wanted.at(-1)!) < 0.05 * wanted[0]!, `${losses.at(-1)}, ${wanted.at(-1)}`)
        }
        // The first steps are the same to the roundings of the type; later ones drift as training does.
        t.true(relativeError(compiled.slice(0, 3), eager.slice(0, 3)) < tolerances.half[half])
      },
    )

    test.serial(`${device}: compiled equals eager under autocast to ${half}, around and inside`, async (t) => {
      const net = network().eval()
      const { x } = batch()
      const predict = (dtype: HalfType | null) => noGrad(() => autocast(dtype, () => net.forward(x)))
      const eager = predict(half)
      const inside = compile(() => predict(half))
      const around = compile((input: Tensor) => net.forward(input))
      const results = [inside(), autocast(half, () => noGrad(() => around(x)))]
      const plain = noGrad(() => around(x))
      const values = await eager.data()
      for (const result of results) {
        t.is(result.dtype, half)
        t.true(relativeError(await result.data(), values) < tolerances.half[half])
      }
      t.is(plain.dtype, 'float32')
      t.is(around.programs().length, 2)
      t.true(around.programs().some((program) => program.arguments.includes(`autocast to ${half}`)))
    })
  }
}
