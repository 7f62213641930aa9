// What compiled functions make of NaN, infinities and numbers at the edges of a type: what eager ones make of them, and those what PyTorch does.
import test, { type ExecutionContext } from 'ava'
import {
  compile,
  functional as F,
  full,
  manualSeed,
  noGrad,
  ones,
  rand,
  randn,
  type Tensor,
  tensor,
  tidy,
} from '../lib/index.js'
import type { DeviceName, DType } from '../types/dtype.js'
import { relativeError } from './support/compare.js'
import { testedDevices } from './support/devices.js'
import { goldenJson } from './support/golden-json.js'

type Reduction = 'mean' | 'sum' | 'none'
interface LossCase {
  name: string
  logits: (number | string)[]
  shape: [number, number]
  target: number[]
  options: { weight?: number[]; labelSmoothing?: number }
  results: Record<Reduction, { loss: (number | string)[]; dx: (number | string)[] }>
}
interface Golden {
  special: (number | string)[]
  activations: Record<string, { y: (number | string)[]; dx: (number | string)[] }>
  crossEntropy: LossCase[]
}
const golden = goldenJson<Golden>('extremes.json')

const numberOf = (value: number | string) =>
  typeof value === 'number' ? value : Number(value.replace('inf', 'Infinity').replace('nan', 'NaN'))
const numbers = (list: (number | string)[]) => list.map(numberOf)
const values = (t: Tensor) => [...(t.to('float32').dataSync() as Float32Array)]
/** The greatest magnitude; NaN where there is one. */
const greatest = (list: number[]) => list.reduce((most, each) => (Math.abs(each) <= most ? most : Math.abs(each)), 0)
const { NaN: nan, POSITIVE_INFINITY: infinity } = Number

// ---- activations behind a layer -----------------------------------------------------------------------------------

type Activation = (x: Tensor) => Tensor
const activations: Record<string, Activation> = {
  relu: F.relu,
  relu6: F.relu6,
  leakyRelu: (x) => F.leakyRelu(x),
  hardtanh: (x) => F.clamp(x, { min: -1, max: 1 }),
  hardswish: F.hardswish,
  hardsigmoid: F.hardsigmoid,
  gelu: (x) => F.gelu(x),
  elu: (x) => F.elu(x),
  silu: F.silu,
  sigmoid: F.sigmoid,
  tanh: F.tanh,
  softplus: (x) => F.softplus(x),
}

interface Layer {
  x: number[]
  weight: number[]
  bias: number
  /** What stands for one of its numbers; `poisons` unless given. */
  poisons?: number[]
  call: (x: Tensor, weight: Tensor, bias: Tensor) => Tensor
}
const conv = (x: number[], weight: number[], options: { stride?: number; padding?: number; groups?: number } = {}) => ({
  x,
  weight,
  bias: weight[0]!,
  call: (x: Tensor, weight: Tensor, bias: Tensor) => F.conv2d(x, weight, bias, options),
})
const norm = (x: number[], training: boolean) => ({
  x,
  weight: [x[1]!],
  bias: x[1]!,
  call: (x: Tensor, weight: Tensor, bias: Tensor) => {
    const { device } = x
    const [mean, variance] = training
      ? [null, null]
      : [full([x.shape[1]!], 0.1, { device }), ones([x.shape[1]!], { device })]
    return F.batchNorm(x, mean, variance, { weight, bias, training })
  },
})

/** Each takes another way through the libraries or a kernel of ours. */
const layers: Record<string, Layer> = {
  'a convolution of few channels': conv([2, 3, 7, 6], [5, 3, 3, 3]),
  'a convolution in blocks': conv([2, 32, 9, 7], [48, 32, 3, 3], { padding: 1 }),
  'a convolution in parts of its channels': conv([1, 16, 9, 9], [128, 16, 3, 3], { padding: 1 }),
  'a convolution in padded blocks': conv([3, 17, 6, 6], [33, 17, 3, 3], { stride: 2 }),
  'a convolution of single positions': conv([2, 64, 5, 5], [64, 64, 1, 1]),
  'a convolution of 5×5': conv([1, 32, 8, 8], [64, 32, 5, 5], { padding: 2 }),
  'a grouped convolution': conv([2, 24, 6, 6], [24, 6, 3, 3], { groups: 4 }),
  'a depthwise convolution': conv([1, 32, 8, 8], [32, 1, 3, 3], { groups: 32, padding: 1 }),
  'a convolution of lines': {
    x: [2, 4, 20],
    weight: [6, 4, 5],
    bias: 6,
    call: (x, weight, bias) => F.conv1d(x, weight, bias),
  },
  'a convolution of volumes': {
    x: [1, 3, 5, 5, 5],
    weight: [16, 3, 3, 3, 3],
    bias: 16,
    call: (x, weight, bias) => F.conv3d(x, weight, bias),
  },
  'a transposed convolution': {
    x: [2, 8, 5, 5],
    weight: [8, 16, 3, 3],
    bias: 16,
    call: (x, weight, bias) => F.convTranspose2d(x, weight, bias, { stride: 2 }),
  },
  'a convolution and batch norm': {
    x: [2, 16, 7, 7],
    weight: [32, 16, 3, 3],
    bias: 32,
    poisons: [nan, infinity, -infinity, 1e20, 1e-40], // folded, what overflows before the norm need not
    call: (x, weight, bias) => {
      const { device } = x
      const [mean, variance] = [full([32], 0.1, { device }), full([32], 2, { device })]
      return F.batchNorm(F.conv2d(x, weight, bias), mean, variance, { eps: 0.1 })
    },
  },
  'a linear layer of one row': {
    x: [1, 70],
    weight: [33, 70],
    bias: 33,
    call: F.linear,
  },
  'a linear layer of many rows': {
    x: [40, 70],
    weight: [33, 70],
    bias: 33,
    call: F.linear,
  },
  'batch norm in training': norm([4, 19, 5, 5], true),
  'batch norm in evaluation': norm([4, 32, 5, 5], false),
}

const poisons = [nan, infinity, -infinity, 3e38, -3e38, 1e-40]
const places = ['x', 'weight', 'bias', 'residual'] as const

/** One number of each is another. */
function poisoned(t: Tensor, value: number): Tensor {
  const data = Float32Array.from(values(t))
  data[Math.floor(data.length / 2)] = value
  return tensor(data, { device: t.device }).reshape(t.shape).to(t.dtype)
}

function showsAsEager(
  t: ExecutionContext,
  device: DeviceName,
  dtype: DType,
  layer: Layer,
  activate: Activation,
  tolerance: number,
): void {
  manualSeed(4)
  const make = (shape: readonly number[]) => randn([...shape], { device }).to(dtype)
  const given = { x: make(layer.x), weight: make(layer.weight), bias: make([layer.bias]) }
  const inputs = { ...given, residual: make(layer.call(given.x, given.weight, given.bias).shape) }
  type Inputs = typeof inputs
  const bare = ({ x, weight, bias }: Inputs) => activate(layer.call(x, weight, bias))
  const added = (all: Inputs) => activate(layer.call(all.x, all.weight, all.bias).add(all.residual))
  for (const [fn, where] of [
    [bare, places.slice(0, 3)],
    [added, places],
  ] as const) {
    const run = (all: Inputs) => noGrad(() => fn(all))
    const areGiven = compile((x: Tensor, weight: Tensor, bias: Tensor, residual: Tensor) =>
      run({ x, weight, bias, residual }),
    )
    const keeping = (all: Inputs) => compile((x: Tensor, residual: Tensor) => run({ ...all, x, residual }))
    const areKept = keeping(inputs)
    for (const place of where) {
      for (const value of layer.poisons ?? poisons) {
        const all = { ...inputs, [place]: poisoned(inputs[place], value) }
        const expected = values(run(all))
        const weightsStay = place === 'weight' || place === 'bias' ? keeping(all) : areKept
        const made = {
          'all given': () => areGiven(all.x, all.weight, all.bias, all.residual),
          'weights that stay': () => weightsStay(all.x, all.residual),
          'once more': () => weightsStay(all.x, all.residual),
        }
        for (const [how, make] of Object.entries(made)) {
          const error = relativeError(values(make()), expected)
          t.true(error <= tolerance, `${value} in ${place}${fn === added ? ', residual' : ''}, ${how}: ${error}`)
        }
      }
    }
    // and nothing of it stays behind
    const error = relativeError(
      values(areGiven(inputs.x, inputs.weight, inputs.bias, inputs.residual)),
      values(run(inputs)),
    )
    t.true(error <= tolerance, `finite again: ${error}`)
  }
}

const names = testedDevices().map(({ name }) => name)
for (const device of names) {
  for (const [name, layer] of Object.entries(layers)) {
    test.serial(`${device}: NaN and infinities through ${name} and ReLU, as eager`, (t) => {
      tidy(() => showsAsEager(t, device, 'float32', layer, F.relu, 1e-5))
      tidy(() => showsAsEager(t, device, 'float32', layer, F.relu6, 1e-5))
    })
  }
  test.serial(
    `${device}: NaN and infinities through a convolution, a linear layer, batch norm and each activation, as eager`,
    (t) => {
      const some = ['a convolution in blocks', 'a linear layer of many rows', 'batch norm in evaluation']
      for (const name of some) {
        for (const activate of Object.values(activations)) {
          tidy(() => showsAsEager(t, device, 'float32', { ...layers[name]! }, activate, 1e-5))
        }
      }
    },
  )
  test.serial(`${device}: the same in half types`, (t) => {
    for (const dtype of ['bfloat16', 'float16'] as const) {
      for (const name of ['a convolution in blocks', 'a depthwise convolution', 'a linear layer of many rows']) {
        tidy(() => showsAsEager(t, device, dtype, layers[name]!, F.relu6, 0.02))
      }
    }
  })

  test.serial(
    `${device}: activations and their gradients at NaN, infinities and edges, by themselves and in chains`,
    (t) => {
      const x = tensor(numbers(golden.special), { device })
      for (const [name, { y, dx }] of Object.entries(golden.activations)) {
        const activate = activations[name]!
        const step = (x: Tensor) => {
          const leaf = x.detach().requiresGrad_()
          const y = activate(leaf)
          y.mul(0.5).sum().backward()
          return [y.detach(), leaf.grad!.detach()]
        }
        const chain = compile((x: Tensor) => noGrad(() => activate(x.neg().neg()).mul(1)))
        const compiled = compile(step)
        tidy(() => {
          for (const [how, [actual, gradient]] of Object.entries({ eager: step(x), compiled: compiled(x) })) {
            t.true(relativeError(values(actual!), numbers(y)) <= 1e-6, `${name}, ${how}: ${values(actual!)} for ${y}`)
            t.true(
              relativeError(values(gradient!), numbers(dx)) <= 1e-6,
              `${name}, gradient, ${how}: ${values(gradient!)} for ${dx}`,
            )
          }
          t.true(relativeError(values(chain(x)), numbers(y)) <= 1e-6, `${name}, in a chain`)
        })
      }
    },
  )

  test.serial(`${device}: a training step masks at NaN and infinities as eager`, (t) => {
    manualSeed(5)
    for (const name of [
      'a convolution in blocks',
      'a depthwise convolution',
      'batch norm in training',
      'a linear layer of many rows',
    ]) {
      const layer = layers[name]!
      for (const activate of [F.relu, F.relu6]) {
        for (const value of poisons) {
          tidy(() => {
            const [x, weight, bias] = [layer.x, layer.weight, [layer.bias]].map((shape) => randn(shape, { device }))
            const step = (x: Tensor, weight: Tensor, bias: Tensor) => {
              const leaves = [x, weight, bias].map((each) => each.detach().requiresGrad_()) as [Tensor, Tensor, Tensor]
              const y = activate(layer.call(...leaves))
              y.mul(y).mean().backward()
              return [y.detach(), ...leaves.map((leaf) => leaf.grad!.detach())]
            }
            const bad = poisoned(x!, value)
            const expected = step(bad, weight!, bias!).map(values)
            for (const [i, each] of compile(step)(bad, weight!, bias!).map(values).entries()) {
              const error = relativeError(each, expected[i]!)
              t.true(error <= 1e-4, `${name}, ${value}, result ${i}: ${error}`)
            }
          })
        }
      }
    }
  })

  // ---- losses -------------------------------------------------------------------------------------------------------

  test.serial(
    `${device}: cross-entropy and its gradient are as exact over extreme logits as PyTorch's in float64`,
    (t) => {
      for (const { name, logits, shape, target, options, results } of golden.crossEntropy) {
        for (const reduction of ['mean', 'sum', 'none'] as const) {
          tidy(() => {
            const x = tensor(numbers(logits), { device }).reshape(shape)
            const classes = tensor(Int32Array.from(target), { device })
            const weight = options.weight ? tensor(options.weight, { device }) : null
            const step = (x: Tensor) => {
              const leaf = x.detach().requiresGrad_()
              const loss = F.crossEntropy(leaf, classes, { ...options, weight, reduction })
              loss.sum().backward()
              return [loss.detach(), leaf.grad!.detach()]
            }
            const wanted = [numbers(results[reduction].loss), numbers(results[reduction].dx)]
            for (const [how, found] of Object.entries({ eager: step(x), compiled: compile(step)(x) })) {
              for (const [i, each] of found.map(values).entries()) {
                const error = relativeError(each, wanted[i]!)
                t.true(
                  error <= 2e-6,
                  `${name}, ${reduction}, ${how}, ${i ? 'gradient' : 'loss'}: ${error}: ${each} for ${wanted[i]}`,
                )
              }
            }
          })
        }
      }
    },
  )

  // ---- normalisation of constants -----------------------------------------------------------------------------------

  const norms: Record<string, (x: Tensor, weight: Tensor, bias: Tensor) => Tensor> = {
    batchNorm: (x, weight, bias) => F.batchNorm(x, null, null, { weight, bias, training: true }),
    'batchNorm and ReLU': (x, weight, bias) => F.relu(F.batchNorm(x, null, null, { weight, bias, training: true })),
    groupNorm: (x, weight, bias) => F.groupNorm(x, x.shape[1]! % 2 ? 1 : 2, { weight, bias }),
    instanceNorm: (x, weight, bias) => F.instanceNorm(x, { weight, bias }),
    layerNorm: (x, weight, bias) =>
      F.layerNorm(x, x.shape.slice(1), {
        weight: weight.reshape([-1, 1, 1]).expand(x.shape.slice(1)),
        bias: bias.reshape([-1, 1, 1]).expand(x.shape.slice(1)),
      }),
  }
  for (const [name, normalise] of Object.entries(norms)) {
    test.serial(`${device}: ${name} makes nothing of a constant, and its weight learns nothing from it`, (t) => {
      manualSeed(6)
      for (const shape of [
        [1, 1, 3, 3],
        [3, 3, 7, 5],
        [2, 16, 14, 14],
        [5, 17, 9, 9],
        [2, 64, 32, 32],
      ] as [number, number, number, number][]) {
        for (const constant of [0.1, -0.7, 3.3, 1e-3, 1234.567, 1e4, -1e4 + 0.1]) {
          tidy(() => {
            const [x, dy] = [full(shape, constant, { device }), randn(shape, { device })]
            const [weight, bias] = [rand([shape[1]], { device }).add(0.5), randn([shape[1]], { device })]
            const step = (x: Tensor, weight: Tensor, bias: Tensor, dy: Tensor) => {
              const [v, w, b] = [x, weight, bias].map((each) => each.detach().requiresGrad_()) as [
                Tensor,
                Tensor,
                Tensor,
              ]
              const y = normalise(v, w, b)
              y.backward({ gradient: dy })
              return [y.detach(), w.grad!.detach(), v.grad!.detach()]
            }
            const shift = bias.reshape([1, -1, 1, 1]).expand(shape)
            const expected = values(name.includes('ReLU') ? F.relu(shift) : shift)
            for (const [how, [y, dw]] of Object.entries({
              eager: step(x, weight, bias, dy),
              compiled: compile(step)(x, weight, bias, dy),
            })) {
              const noise = greatest(values(y!).map((each, i) => each - expected[i]!))
              t.true(noise <= 2e-6, `${shape}, ${constant}, ${how}: ${noise}`)
              const learnt = greatest(values(dw!))
              t.true(learnt <= 2e-6, `${shape}, ${constant}, gradient of the weight, ${how}: ${learnt}`)
            }
            if (name === 'groupNorm' || name === 'layerNorm') return // a group's gradient differs from channel to channel
            // A gradient of one value has nothing to say either. (On a GPU it is summed in float32, as PyTorch does.)
            const flat = full(shape, 0.1, { device })
            for (const found of [step(x, weight, bias, flat), compile(step)(x, weight, bias, flat)]) {
              const noise = greatest(values(found[2]!))
              t.true(
                noise <= (device.startsWith('cuda') ? 1e-4 : 3e-6),
                `${shape}, ${constant}, gradient of x: ${noise}`,
              )
            }
          })
        }
      }
    })
  }
}

test.serial('cpu: Winograd’s algorithm spreads NaN over a tile, and loses none', (t) => {
  manualSeed(7)
  for (const [kernel, padding] of [
    [3, 1],
    [5, 2],
  ] as const) {
    for (const value of [nan, infinity, -infinity]) {
      tidy(() => {
        const weight = randn([32, 32, kernel, kernel], { device: 'cpu' })
        const [x, residual] = [randn([2, 32, 24, 24], { device: 'cpu' }), randn([2, 32, 24, 24], { device: 'cpu' })]
        const run = (x: Tensor, residual: Tensor) =>
          noGrad(() => F.relu(F.conv2d(x, weight, null, { padding }).add(residual)))
        const compiled = compile(run, { precision: 'fast' })
        for (const [a, b] of [
          [poisoned(x, value), residual],
          [x, poisoned(residual, value)],
        ] as const) {
          const expected = values(run(a, b))
          const made = values(compiled(a, b))
          t.true(
            expected.every((each, i) => !Number.isNaN(each) || Number.isNaN(made[i]!)),
            `${kernel}, ${value}`,
          )
          t.true(
            expected.every((each, i) => each !== infinity || !Number.isFinite(made[i]!)),
            `${kernel}, ${value}`,
          )
        }
      })
    }
  }
})

// ---- lanes that pad a block of channels -----------------------------------------------------------------------------

for (const device of names) {
  test.serial(`${device}: an infinity that an activation ends leaves no NaN for the next convolution`, (t) => {
    const failures: string[] = []
    for (const [channels, middle] of [
      [3, 2],
      [3, 3],
      [8, 17],
      [16, 3],
      [16, 16],
    ] as const) {
      const data = new Float32Array(channels * 64).fill(0.5)
      data[9] = -infinity
      const x = tensor(data, { shape: [1, channels, 8, 8], device })
      const first = ones([middle, channels, 3, 3], { device })
      const second = full([4, middle, 1, 1], 0.1, { device })
      const back = full([4, middle, 3, 3], 0.1, { device })
      const forward = (x: Tensor) => F.conv2d(F.relu(F.conv2d(x, first, null, { padding: 1 })), second)
      // a transposed convolution is the gradient of one
      const transposed = (x: Tensor) =>
        F.conv2d(F.relu(F.convTranspose2d(x, ones([channels, middle, 3, 3], { device }))), back)
      for (const [name, f] of Object.entries({ forward, transposed })) {
        for (const [way, run] of Object.entries({ eager: f, compiled: compile(f) })) {
          const wrong = noGrad(() => values(run(x))).filter((each) => !Number.isFinite(each)).length
          if (wrong > 0) failures.push(`${name}, ${channels} to ${middle} channels, ${way}: ${wrong} values`)
        }
      }
    }
    t.deepEqual(failures, [])
  })
}
