// Modules: what they compute beside PyTorch's, how they are walked, what they free, what their errors say.
import test from 'ava'
import {
  compile,
  functional,
  manualSeed,
  memory,
  nn,
  noGrad,
  ones,
  ShapeError,
  type Tensor,
  tensor,
  tidy,
  ValueError,
  zeros,
} from '../lib/index.js'
import { goldenJson, numbers, relativeError, values } from './support/golden-json.js'

interface Golden {
  runs: { name: string; y: number[]; shape: number[]; dx: number[]; buffers: Record<string, number[]> }[]
}

/** Modules, their inputs, calls and mode: the same rows as in golden/nn.py. */
const cases: Record<string, { make: () => nn.AnyModule; shapes: number[][]; calls?: number; isEval?: boolean }> = {
  Conv2d: { make: () => new nn.Conv2d(2, 4, 3, { padding: 1, groups: 2 }), shapes: [[2, 2, 4, 3]] },
  'Conv2d circular': {
    make: () => new nn.Conv2d(2, 3, 3, { padding: 1, paddingMode: 'circular' }),
    shapes: [[1, 2, 4, 3]],
  },
  'Conv1d same': { make: () => new nn.Conv1d(2, 3, 4, { padding: 'same', dilation: 2 }), shapes: [[2, 9]] },
  ConvTranspose2d: {
    make: () => new nn.ConvTranspose2d(4, 2, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
    shapes: [[1, 4, 3, 2]],
  },
  ConvTranspose1d: {
    make: () => new nn.ConvTranspose1d(2, 3, 2, { dilation: 3, outputPadding: 2 }),
    shapes: [[1, 2, 4]],
  },
  Linear: { make: () => new nn.Linear(3, 2), shapes: [[4, 3]] },
  BatchNorm2d: { make: () => new nn.BatchNorm2d(3), shapes: [[2, 3, 2, 2]], calls: 2 },
  'BatchNorm2d cumulative': {
    make: () => new nn.BatchNorm2d(3, { momentum: null }),
    shapes: [[2, 3, 2, 2]],
    calls: 3,
  },
  'BatchNorm1d eval': { make: () => new nn.BatchNorm1d(3), shapes: [[4, 3]], isEval: true },
  InstanceNorm2d: { make: () => new nn.InstanceNorm2d(3), shapes: [[3, 2, 2]] },
  'InstanceNorm2d tracked': {
    make: () => new nn.InstanceNorm2d(3, { affine: true, trackRunningStats: true }),
    shapes: [[2, 3, 2, 2]],
    calls: 2,
  },
  'InstanceNorm2d eval': {
    make: () => new nn.InstanceNorm2d(3, { affine: true, trackRunningStats: true }),
    shapes: [[2, 3, 2, 2]],
    isEval: true,
  },
  LayerNorm: { make: () => new nn.LayerNorm([3, 2]), shapes: [[2, 3, 2]] },
  'LayerNorm no bias': { make: () => new nn.LayerNorm([3, 2], { bias: false }), shapes: [[2, 3, 2]] },
  GroupNorm: { make: () => new nn.GroupNorm(2, 4), shapes: [[2, 4, 3]] },
  LocalResponseNorm: { make: () => new nn.LocalResponseNorm(3, { alpha: 0.5 }), shapes: [[1, 4, 2, 2]] },
  MaxPool2d: { make: () => new nn.MaxPool2d(3, { stride: 2, padding: 1 }), shapes: [[1, 2, 5, 4]] },
  AdaptiveAvgPool2d: { make: () => new nn.AdaptiveAvgPool2d([2, null]), shapes: [[1, 2, 5, 4]] },
  AdaptiveMaxPool2d: { make: () => new nn.AdaptiveMaxPool2d(2), shapes: [[1, 2, 4, 6]] },
  Upsample: { make: () => new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' }), shapes: [[1, 2, 3, 2]] },
  ReflectionPad2d: { make: () => new nn.ReflectionPad2d([1, 0, 2, 1]), shapes: [[1, 2, 3, 3]] },
  BCEWithLogitsLoss: {
    make: () => new nn.BCEWithLogitsLoss({ posWeight: tensor([0.5, 3]) }),
    shapes: [
      [3, 2],
      [3, 2],
    ],
  },
}

for (const device of ['reference', 'cpu'] as const) {
  for (const [golden, form] of goldenJson<Golden>('nn.json').runs.flatMap((run) => [
    [run, 'op by op'] as const,
    [run, 'compiled'] as const,
  ])) {
    test(`${golden.name} computes what PyTorch's does on ${device}, ${form}`, (t) => {
      const { make, shapes, calls = 1, isEval = false } = cases[golden.name]!
      tidy(() => {
        const module = (make() as nn.Module<Tensor[]>).to(device).train(!isEval)
        for (const [i, parameter] of module.parameters().entries()) {
          noGrad(() => parameter.copy_(tensor(values(parameter.shape, i), { shape: parameter.shape })))
        }
        const dy = tensor(values(golden.shape, 99), { shape: golden.shape, device })
        const step = (...inputs: Tensor[]) => {
          const y = module.forward(...inputs)
          y.backward({ gradient: dy })
          return y.detach()
        }
        const run = form === 'compiled' ? compile(step) : step
        let inputs: Tensor[] = []
        let y: Tensor | undefined
        for (let call = 0; call < calls; call++) {
          inputs = shapes.map((shape, i) =>
            tensor(values(shape, 50 + 10 * call + i), { shape, device, requiresGrad: true }),
          )
          y = run(...inputs)
        }
        t.deepEqual(y!.shape, golden.shape)
        t.true(relativeError(numbers(y!), golden.y) < 1e-5)
        t.true(relativeError(numbers(inputs[0]!.grad!), golden.dx) < 1e-5)
        const buffers = Object.fromEntries(module.namedBuffers())
        // posWeight is pos_weight there too.
        t.deepEqual(Object.keys(buffers), Object.keys(golden.buffers))
        for (const [name, expected] of Object.entries(golden.buffers)) {
          t.true(relativeError(numbers(buffers[name]!), expected) < 1e-5, name)
        }
        module.dispose()
      })
    })
  }
}

test('cumulative batch norm goes on from a counter that was loaded', (t) => {
  const norm = new nn.BatchNorm1d(2, { momentum: null })
  norm.numBatchesTracked!.fill_(3)
  norm.runningMean!.fill_(8)
  compile((x: Tensor) => norm.forward(x).detach())(
    tensor([
      [0, 4],
      [4, 4],
    ]),
  )
  t.deepEqual(numbers(norm.runningMean!), [6.5, 7])
  t.deepEqual(numbers(norm.runningVar!), [2.75, 0.75])
  t.is(norm.numBatchesTracked!.itemSync(), 4)
})

test('a Sequential has a length, positions that can be read and replaced, and an iterator', (t) => {
  const net = new nn.Sequential(new nn.Linear(3, 4), new nn.ReLU(), new nn.Linear(4, 2))
  t.is(net.length, 3)
  t.true(net[1] instanceof nn.ReLU)
  t.is(net.at(-1), net[2])
  t.deepEqual(
    [...net].map((layer) => layer.constructor.name),
    ['Linear', 'ReLU', 'Linear'],
  )
  net[1] = new nn.Tanh()
  const x = tensor([[0.5, -1, 2]])
  const expected = net[2]!.forward(net[0]!.forward(x).tanh())
  t.true(relativeError(numbers(net.forward(x)), numbers(expected)) < 1e-6)
  net.append({ forward: (y) => y.mul(2) })
  t.is(net.length, 4)
  t.true(relativeError(numbers(net.forward(x)), numbers(expected.mul(2))) < 1e-6)
  t.deepEqual(
    net.namedParameters().map(([name]) => name),
    ['0.weight', '0.bias', '2.weight', '2.bias'],
  )
})

test('a Sequential takes named layers, whose names are those of its tensors', (t) => {
  const net = new nn.Sequential({ conv0: new nn.Conv2d(1, 2, 3), norm0: new nn.BatchNorm2d(2) })
  t.deepEqual(Object.keys(net.stateDict()), [
    'conv0.weight',
    'conv0.bias',
    'norm0.weight',
    'norm0.bias',
    'norm0.running_mean',
    'norm0.running_var',
    'norm0.num_batches_tracked',
  ])
  t.deepEqual(net.forward(ones([2, 1, 5, 5])).shape, [2, 2, 3, 3])
  t.throws(() => new nn.Sequential({ forward2: 1 as unknown as nn.Layer }), { instanceOf: ValueError })
  t.throws(() => new nn.Sequential({ training: new nn.ReLU() }), { instanceOf: ValueError })
})

test('modules are found in fields, arrays and lists, each once', (t) => {
  class Net extends nn.Module {
    shared = new nn.Linear(2, 2)
    again = this.shared
    blocks = [new nn.Linear(2, 2), new nn.Linear(2, 2)]
    list = new nn.ModuleList([new nn.Linear(2, 2)])
    scale = new nn.Parameter(ones([2]))
    notMine = ones([2])
    override forward(x: Tensor): Tensor {
      return this.list[0]!.forward(this.shared.forward(x)).mul(this.scale)
    }
  }
  const net = new Net()
  t.deepEqual(
    net.namedParameters().map(([name]) => name),
    [
      'scale',
      'shared.weight',
      'shared.bias',
      'blocks.0.weight',
      'blocks.0.bias',
      'blocks.1.weight',
      'blocks.1.bias',
      'list.0.weight',
      'list.0.bias',
    ],
  )
  t.true('again.weight' in net.stateDict())
  t.deepEqual(
    net.namedModules().map(([name]) => name),
    ['', 'shared', 'blocks.0', 'blocks.1', 'list', 'list.0'],
  )
  const order: string[] = []
  net.apply((module) => order.push(module.constructor.name))
  t.is(order.at(-1), 'Net')
  net.eval()
  t.false(net.list[0]!.training)
  net.freeze()
  t.true(net.parameters().every((parameter) => !parameter.requiresGrad))
  net.unfreeze()
  t.true(net.parameters().every((parameter) => parameter.requiresGrad))
})

test('a call frees what it made, with and without gradients, and parameters outlive tidy', (t) => {
  const device = 'reference'
  const net = tidy(() =>
    new nn.Sequential(
      new nn.Conv2d(1, 4, 3),
      new nn.BatchNorm2d(4),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(36, 3),
    ).to(device),
  )
  t.true(net.parameters().every((parameter) => !parameter.isDisposed))
  const x = zeros([2, 1, 8, 8], { device })
  const before = memory(device)
  noGrad(() => net.forward(x)).dispose()
  t.deepEqual([memory(device).live, memory(device).tensors], [before.live, before.tensors])
  tidy(() => {
    net.forward(x).sum().backward()
  })
  net.zeroGrad()
  t.deepEqual([memory(device).live, memory(device).tensors], [before.live, before.tensors])
  net.dispose()
  x.dispose()
})

test('what a layer keeps stays alive in a Sequential', (t) => {
  const tap = {
    seen: undefined as Tensor | undefined,
    forward(x: Tensor): Tensor {
      this.seen = x.clone()
      return x
    },
  }
  class Tap extends nn.Module {
    seen: Tensor | undefined
    override forward(x: Tensor): Tensor {
      this.seen = new nn.Buffer(x)
      return x
    }
  }
  const own = new Tap()
  const net = new nn.Sequential(new nn.ReLU(), own, tap, new nn.ReLU())
  const y = net.forward(tensor([1, -2, 3]))
  t.deepEqual(numbers(y), [1, 0, 3])
  t.deepEqual(numbers(own.seen!), [1, 0, 3])
  // An object that is no module lives in the scope of the module around it.
  t.true(tap.seen!.isDisposed)
})

test('an error names the layer in which it happened, once', (t) => {
  class Head extends nn.Module {
    fc = new nn.Linear(5, 2)
    override forward(x: Tensor): Tensor {
      return this.fc.forward(x)
    }
  }
  const net = new nn.Sequential(new nn.ReLU(), new Head())
  const error = t.throws(() => net.forward(ones([1, 4])), { instanceOf: ShapeError })
  t.regex(error.message, /^in Sequential › 1 › fc \(Linear\): linear: /)
  t.is(error.message.match(/in Sequential/g)?.length, 1)
  t.true(error.stack?.includes('in Sequential › 1 › fc'))
  const alone = t.throws(() => new nn.Linear(5, 2).forward(ones([1, 4])), { instanceOf: ShapeError })
  t.regex(alone.message, /^in Linear: linear: /)
  // The state of the calls is intact afterwards.
  t.deepEqual(net.forward(ones([1, 5])).shape, [1, 2])
})

test('a forward that calls super.forward is one call', (t) => {
  class Doubled extends nn.Linear {
    override forward(x: Tensor): Tensor {
      return super.forward(x).mul(2)
    }
  }
  const layer = new Doubled(2, 2)
  const seen = nn.summary(new nn.Sequential(layer), [1, 2])
  t.is(seen.rows.length, 1)
  const x = ones([1, 2])
  t.true(
    relativeError(numbers(layer.forward(x)), numbers(functional.linear(x, layer.weight, layer.bias).mul(2))) < 1e-6,
  )
})

test('to() moves and converts in place, gradients too', (t) => {
  const net = new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2)).to('cpu')
  const [weight] = net.parameters()
  net
    .forward(
      tensor(
        [
          [1, 2],
          [3, 5],
        ],
        { device: 'cpu' },
      ),
    )
    .square()
    .sum()
    .backward()
  const before = numbers(weight!)
  const gradient = numbers(weight!.grad!)
  net.to('reference').to('float64')
  t.is(net.parameters()[0], weight)
  t.is(weight!.device, 'reference')
  t.is(weight!.dtype, 'float64')
  t.true(weight!.requiresGrad && weight!.isLeaf)
  t.deepEqual(numbers(weight!), before)
  t.deepEqual(numbers(weight!.grad!), gradient)
  t.is(net.stateDict()['1.num_batches_tracked']!.dtype, 'int32')
  net
    .forward(
      tensor(
        [
          [1, 2],
          [3, 5],
        ],
        { device: 'reference', dtype: 'float64' },
      ),
    )
    .sum()
    .backward()
  t.is(weight!.grad!.dtype, 'float64')
})

test('initial weights follow the bounds of PyTorch and the seed', (t) => {
  const draw = () => {
    manualSeed(3)
    return numbers(new nn.Conv2d(8, 16, 3).weight)
  }
  const weights = draw()
  t.deepEqual(draw(), weights)
  const bound = 1 / Math.sqrt(8 * 9)
  const largest = Math.max(...weights.map(Math.abs))
  t.true(largest <= bound && largest > 0.97 * bound)
  const deviation = Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0) / weights.length)
  t.true(Math.abs(deviation / (bound / Math.sqrt(3)) - 1) < 0.05)
  const bias = numbers(new nn.Linear(100, 400).bias!)
  t.true(Math.max(...bias.map(Math.abs)) <= 0.1)
})

test('init overwrites with the distribution that its name says', (t) => {
  manualSeed(5)
  const weight = new nn.Conv2d(20, 30, 3).weight
  const moments = (values: number[]) => {
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length
    return { mean, std: Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length) }
  }
  const std = () => moments(numbers(weight)).std
  const near = (value: number, expected: number) =>
    t.true(Math.abs(value / expected - 1) < 0.04, `${value} ${expected}`)
  const { init } = nn
  init.xavierUniform_(weight)
  near(std(), Math.sqrt(2 / (180 + 270)))
  init.xavierNormal_(weight, { gain: 2 })
  near(std(), 2 * Math.sqrt(2 / (180 + 270)))
  init.kaimingUniform_(weight, { nonlinearity: 'relu' })
  near(std(), Math.sqrt(2 / 180))
  init.kaimingNormal_(weight, { mode: 'fanOut', nonlinearity: 'relu' })
  near(std(), Math.sqrt(2 / 270))
  init.uniform_(weight, 2, 5)
  near(moments(numbers(weight)).mean, 3.5)
  init.normal_(weight, 3, 0.5)
  near(std(), 0.5)
  init.truncNormal_(weight, 0, 1, -0.5, 0.5)
  t.true(numbers(weight).every((x) => x >= -0.5 && x <= 0.5))
  near(std(), 0.284)
  init.truncNormal_(weight, 1, 2, 3, 4) // the moments of torch.nn.init.trunc_normal_
  near(moments(numbers(weight)).mean, 3.4486)
  near(std(), 0.2848)
  t.throws(() => init.truncNormal_(weight, 0, 1, 6, 7), { instanceOf: ValueError })
  t.true(numbers(init.constant_(weight, 3)).every((x) => x === 3))
  t.true(weight.requiresGrad && weight.isLeaf)
  t.is(init.calculateGain('tanh'), 5 / 3)
  t.is(init.calculateGain('leakyRelu', 3), Math.sqrt(0.2))
  t.throws(() => init.kaimingUniform_(ones([3])), { instanceOf: ValueError })
  t.throws(() => init.calculateGain('swish' as 'relu'), { instanceOf: ValueError })
})

test('summary counts parameters and multiply-adds and leaves modes alone', (t) => {
  const net = new nn.Sequential(
    new nn.Conv2d(3, 8, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
    new nn.Sequential(new nn.Conv2d(8, 8, 3, { stride: 2, groups: 4 }), new nn.ReLU()),
    new nn.ConvTranspose2d(8, 4, 2, { stride: 2 }),
    new nn.GlobalAvgPool({ keepdim: false }),
    new nn.Linear(4, 10),
  )
  net[1]!.forward(ones([2, 8, 2, 2]))
  ;(net[3] as nn.Sequential).eval()
  const summary = nn.summary(net, [2, 3, 9, 9])
  t.deepEqual(
    summary.rows.map((row) => [row.name, row.type, row.outputShape, row.params, row.multiplyAdds]),
    [
      ['0', 'Conv2d', [2, 8, 9, 9], 216, 2 * 8 * 81 * 27],
      ['1', 'BatchNorm2d', [2, 8, 9, 9], 16, 0],
      ['2', 'ReLU', [2, 8, 9, 9], 0, 0],
      ['3.0', 'Conv2d', [2, 8, 4, 4], 8 * 2 * 9 + 8, 2 * 8 * 16 * 18],
      ['3.1', 'ReLU', [2, 8, 4, 4], 0, 0],
      ['4', 'ConvTranspose2d', [2, 4, 8, 8], 8 * 4 * 4 + 4, 2 * 8 * 16 * 16],
      ['5', 'GlobalAvgPool', [2, 4], 0, 0],
      ['6', 'Linear', [2, 10], 50, 2 * 40],
    ],
  )
  t.is(summary.params, 216 + 16 + 152 + 132 + 50)
  t.is(summary.trainableParams, summary.params)
  t.true(net.training && (net[1] as nn.Module).training)
  t.false((net[3] as nn.Sequential).training)
  t.is(numbers(net.stateDict()['1.num_batches_tracked']!)[0], 1)
  const lines = summary.toString().split('\n')
  t.is(lines.length, 12)
  t.regex(lines.at(-1)!, /^total +566 +[\d,]+$/)
})

test('a module prints what it is made of', (t) => {
  const net = new nn.Sequential(new nn.Conv2d(3, 8, 3, { padding: 1 }), new nn.Sequential(new nn.ReLU()))
  t.is(`${net}`, 'Sequential(\n  (0): Conv2d(3, 8, [3, 3], padding: 1)\n  (1): Sequential(\n    (0): ReLU()\n  )\n)')
})

test('dropout works in training only; p is a probability', (t) => {
  const layer = new nn.Dropout(0.5)
  const x = ones([1000])
  const dropped = numbers(layer.forward(x))
  t.true(dropped.every((value) => value === 0 || value === 2))
  const share = dropped.filter((value) => value === 0).length / 1000
  t.true(share > 0.4 && share < 0.6)
  t.is(layer.eval().forward(x), x)
  t.throws(() => new nn.Dropout(1.5), { instanceOf: ValueError })
  t.throws(() => new nn.Dropout(Number.NaN), { instanceOf: ValueError })
})

test('pools with indices return them, and unpooling puts the values back', (t) => {
  const x = tensor(values([1, 1, 4, 4], 1), { shape: [1, 1, 4, 4] })
  const [y, indices] = new nn.MaxPool2d(2, { returnIndices: true }).forward(x)
  t.is(indices.dtype, 'int32')
  const back = new nn.MaxUnpool2d(2).forward(y, indices)
  t.deepEqual(back.shape, [1, 1, 4, 4])
  t.true(relativeError([back.sum().itemSync()], [y.sum().itemSync()]) < 1e-6)
})

test('wrong arguments end in typed errors', (t) => {
  t.throws(() => new nn.Conv2d(3, 8, 3, { groups: 2 }), { instanceOf: ValueError })
  t.throws(() => new nn.GroupNorm(3, 8), { instanceOf: ValueError })
  t.throws(() => new nn.Linear(Number.NaN, 3))
  t.throws(() => new nn.Linear(2.5, 3))
  t.throws(() => new nn.Linear('3' as unknown as number, 3))
  t.throws(() => new nn.BatchNorm2d(3).forward(ones([2, 3])), { instanceOf: ShapeError })
  t.throws(() => new nn.Sequential(3 as unknown as nn.Layer), { instanceOf: ValueError })
  t.throws(() => new nn.ModuleList([new nn.ReLU()]).forward(), { instanceOf: ValueError })
  class Async extends nn.Module<[Tensor], Promise<Tensor>> {
    override async forward(x: Tensor): Promise<Tensor> {
      return x
    }
  }
  t.throws(() => new Async().forward(ones([1])), { instanceOf: ValueError })
})
