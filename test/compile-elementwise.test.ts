// fuseElementwise: which element-wise ops become one, and that the chain gives what they give one by one, in every layout and shape.
import test, { type ExecutionContext } from 'ava'
import {
  compile,
  functional as F,
  manualSeed,
  nn,
  noGrad,
  optim,
  rand,
  randint,
  randn,
  Tensor,
  tidy,
} from '../lib/index.js'
import { native } from '../lib/native.js'
import { wrap } from '../lib/tensor.js'
import type { DeviceName } from '../types/dtype.js'
import type { Handle, UnaryFunction } from '../types/native.js'
import { passes, relativeError } from './support/compare.js'
import { testedDevices } from './support/devices.js'

type Fn = (...inputs: Tensor[]) => Tensor | Tensor[]
type Float = 'float32' | 'float64' | 'bfloat16' | 'float16'

const names = testedDevices().map(({ name }) => name)
const values = (t: Tensor) => [...(t.dataSync() as Float32Array)]
const listOf = (result: Tensor | Tensor[]) => (result instanceof Tensor ? [result] : result)
const positive = (shape: number[], device: DeviceName) => rand(shape, { device }).add(0.25)
const mish = (x: Tensor) => x.mul(F.softplus(x).tanh())

/** The kernels that a run of a function starts, by name. */
async function stepsOf(fn: Fn, inputs: Tensor[]): Promise<string[]> {
  const compiled = compile((...given: Tensor[]) => noGrad(() => fn(...given)))
  const { steps } = await compiled.profile(...inputs)
  compiled.dispose()
  return steps.map(({ name }) => name)
}

/** Compiled gives what eager gives, in both of two runs; to the last digit unless a tolerance is given. */
function compare(t: ExecutionContext, fn: Fn, inputs: Tensor[], message: string, tolerance = 0): string {
  const expected = tidy(() => noGrad(() => listOf(fn(...inputs)).map(values)))
  const compiled = compile((...given: Tensor[]) => noGrad(() => fn(...given)))
  for (const run of [1, 2]) {
    const made = tidy(() => listOf(compiled(...inputs)).map(values))
    for (const [i, wanted] of expected.entries()) {
      const error = relativeError(made[i]!, wanted)
      t.true(passes(error, tolerance), `${message}, run ${run}, result ${i}: ${error}`)
    }
  }
  const program = compiled.toString()
  compiled.dispose()
  return program
}

// ---- formulas -----------------------------------------------------------------------------------------------------

const full = [2, 5, 7, 9]
const formulas: Record<string, { shapes: number[][]; fn: Fn; steps: string[]; links?: string }> = {
  'the magnitude of a gradient': {
    shapes: [full, full],
    fn: (x, y) => x!.square().add(y!.square()).sqrt(),
    steps: ['unary', 'elementwiseChain'],
    links: 'square, add others[0], sqrt',
  },
  mish: { shapes: [full], fn: (x) => mish(x!), steps: ['elementwiseChain'], links: 'softplus 1 20, tanh, x mul v' },
  'a gate for each channel and a residual': {
    shapes: [full, [2, 5, 1, 1], full],
    fn: (x, s, r) => x!.mul(s!.sigmoid()).add(r!),
    steps: ['unary', 'elementwiseChain'],
    links: 'mul others[0], add others[1]',
  },
  'a gate for each position': {
    shapes: [full, [2, 1, 7, 9]],
    fn: (x, s) => x!.mul(s!).relu(),
    steps: ['elementwiseChain'],
  },
  'every operation, the chain on the left': {
    shapes: [full, full, full],
    fn: (x, y, z) => F.minimum(F.maximum(x!.sub(y!).div(z!).abs().pow(y!).mul(z!), y!), z!),
    steps: ['elementwiseChain'],
  },
  'every operation, the chain on the right': {
    shapes: [full, full, full],
    fn: (x, y, z) => F.minimum(z!, F.maximum(y!, z!.mul(y!.pow(z!.div(y!.sub(x!.neg())))))),
    steps: ['elementwiseChain'],
    links:
      'neg, others[0] sub v, others[1] div v, others[0] pow v, others[1] mul v, others[0] maximum v, others[1] minimum v',
  },
  'the same input again and again': {
    shapes: [full],
    fn: (x) => x!.mul(x!).add(x!).div(x!).sub(x!),
    steps: ['elementwiseChain'],
    links: 'mul x, add x, div x, sub x',
  },
  'other inputs of every shape': {
    shapes: [full, [], [1], [9], [7, 1], [5, 1, 1], [2, 1, 1, 1], [1, 1, 7, 9], [2, 5, 1, 9]],
    fn: (x, ...others) => others.reduce((v, other) => v.add(other), x!),
    steps: ['elementwiseChain'],
  },
  'a small input first': {
    shapes: [[9], full],
    fn: (s, x) => s!.sub(x!).square(),
    steps: ['elementwiseChain'],
    links: 'others[0] sub v, square',
  },
  'longer than a chain can be': {
    shapes: [full],
    fn: (x) => Array.from({ length: 11 }).reduce<Tensor>((v, _, i) => v.mul(0.5 + i).sqrt(), x!),
    steps: ['elementwiseChain', 'elementwiseChain', 'elementwiseChain'],
  },
  'nine ops': {
    shapes: [full],
    fn: (x) => Array.from({ length: 9 }).reduce<Tensor>((v) => v.sqrt(), x!),
    steps: ['elementwiseChain', 'unary'],
  },
  'a value that is read twice': {
    shapes: [full, full],
    fn: (x, y) => {
      const v = x!.mul(y!).sqrt()
      return v.exp().add(y!).mul(v.sigmoid().neg())
    },
    steps: ['elementwiseChain', 'elementwiseChain', 'elementwiseChain'],
  },
  'a value that is a result': {
    shapes: [full, full],
    fn: (x, y) => {
      const v = x!.mul(y!).sqrt()
      return [v, v.exp().add(y!)]
    },
    steps: ['elementwiseChain', 'elementwiseChain'],
  },
  'a value that is overwritten': {
    shapes: [full, full],
    fn: (x, y) => {
      const v = x!.mul(y!).sqrt()
      const w = v.exp().neg()
      v.copy_(y!)
      return [w, v.add(y!)]
    },
    steps: ['elementwiseChain', 'elementwiseChain', 'copy', 'binary'],
  },
  'a value that grows': {
    shapes: [[5, 1, 1], full],
    fn: (s, x) => s!.exp().neg().mul(x!).add(x!),
    steps: ['elementwiseChain', 'elementwiseChain'],
  },
  'a comparison in between': {
    shapes: [full, full],
    fn: (x, y) => x!.mul(2).sub(y!).gt(y!).to('float32').mul(2).add(x!),
    steps: ['elementwiseChain', 'binary', 'cast', 'elementwiseChain'],
  },
  integers: {
    shapes: [full],
    fn: (x) => x!.mul(10).to('int32').mul(2).add(3).square(),
    steps: ['unary', 'cast', 'unary', 'unary', 'unary'],
  },
  'rows of one element': {
    shapes: [
      [300, 1],
      [300, 1],
      [1, 1],
    ],
    fn: (x, y, z) => x!.mul(y!).add(z!),
    steps: ['elementwiseChain'],
  },
  'short rows': {
    shapes: [[700, 10], [10], [700, 1]],
    fn: (x, y, z) => x!.mul(y!).add(z!).relu(),
    steps: ['elementwiseChain'],
  },
  'long rows': {
    shapes: [[3, 7, 2500], [7, 1], [2500], [3, 1, 1]],
    fn: (x, y, z, w) => x!.mul(y!).add(z!).sub(w!),
    steps: ['elementwiseChain'],
  },
  'a single number': { shapes: [[], []], fn: (x, y) => x!.exp().add(y!), steps: ['elementwiseChain'] },
  'no element': { shapes: [[0, 3], [3]], fn: (x, y) => x!.exp().add(y!), steps: ['elementwiseChain'] },
}

for (const device of names) {
  for (const [name, { shapes, fn, steps, links }] of Object.entries(formulas)) {
    test.serial(`${device}: ${name}`, async (t) => {
      manualSeed(1)
      const inputs = shapes.map((shape) => positive(shape, device))
      const program = compare(t, fn, inputs, name)
      t.deepEqual(await stepsOf(fn, inputs), steps)
      if (links !== undefined) t.true(program.includes(`links=[${links}]`), program)
    })
  }

  test.serial(`${device}: many elements, on several threads`, (t) => {
    manualSeed(2)
    const inputs = [
      [4, 6, 61, 67],
      [4, 6, 1, 1],
      [4, 6, 61, 67],
    ].map((shape) => randn(shape, { device }))
    compare(t, (x, s, r) => mish(x!.mul(s!).add(r!)).mul(2).sub(r!), inputs, 'large')
  })

  test.serial(`${device}: NaN and infinities go the way of the single ops`, (t) => {
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number
    const data = [nan, infinity, -infinity, 0, -0, 1e-40, 3e38, -2]
    const x = tidy(() => F.cat(data.map((value) => rand([1], { device }).mul(0).add(value))).detach())
    const y = tidy(() => F.cat([...data].reverse().map((value) => rand([1], { device }).mul(0).add(value))).detach())
    compare(
      t,
      (x, y) => [F.maximum(x!, y!).neg(), F.minimum(y!, x!.relu()), mish(x!), x!.div(y!).clamp({ min: -1, max: 2 })],
      [x, y],
      'special',
    )
  })
}

// ---- every function ---------------------------------------------------------------------------------------------------

const unaries =
  'relu relu6 leakyRelu elu gelu geluTanh silu sigmoid hardsigmoid hardswish tanh softplus exp log sqrt rsqrt abs neg sign square reciprocal powScalar affine clamp sin cos log1p expm1 erf floor ceil round'
const constants = ['sign', 'floor', 'ceil', 'round']
const binaries = ['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'pow'] as const

for (const device of names) {
  for (const [alpha, beta] of [
    [0.75, 1.5],
    [2, 3],
    [3, 4],
    [0.5, 1],
    [-1, 0.25],
  ] as const) {
    test.serial(`${device}: every function with parameters ${alpha} and ${beta}, natively, as by itself`, (t) => {
      manualSeed(9)
      const [x, v] = [positive([3, 11], device), positive([3, 11], device)]
      const same = (made: Handle, wanted: Handle, message: string) => {
        const [a, b] = [made, wanted].map((handle) => values(wrap(handle)))
        t.deepEqual(a, b, message)
      }
      const { elementwiseChain: chain, unary, unaryBackward, binary } = native.ops
      tidy(() => {
        for (const kind of unaries.split(' ') as UnaryFunction[]) {
          const link = { function: kind, alpha, beta }
          same(chain(x.handle, [], [{ kind: 'unary', ...link }]), unary(x.handle, kind, alpha, beta), kind)
          if (constants.includes(kind)) continue
          const needsNone = kind === 'neg' || kind === 'affine'
          same(
            chain(x.handle, needsNone ? [] : [v.handle], [
              { kind: 'backward', ...link, ...(needsNone ? {} : { input: 1 }) },
            ]),
            unaryBackward(x.handle, needsNone ? undefined : v.handle, kind, alpha, beta),
            `${kind}, backward`,
          )
        }
        for (const kind of binaries) {
          const link = { function: kind, input: 1 }
          same(chain(x.handle, [v.handle], [{ kind: 'binary', ...link }]), binary(x.handle, v.handle, kind), kind)
          same(
            chain(x.handle, [v.handle], [{ kind: 'swapped', ...link }]),
            binary(v.handle, x.handle, kind),
            `${kind}, swapped`,
          )
        }
      })
    })
  }
}

// ---- layouts ------------------------------------------------------------------------------------------------------

for (const device of names) {
  for (const channels of [16, 24, 5, 3]) {
    test.serial(`${device}: between convolutions of ${channels} channels`, async (t) => {
      manualSeed(3)
      const first = new nn.Conv2d(4, channels, 3, { padding: 1 }).to(device)
      const other = new nn.Conv2d(4, channels, 1).to(device)
      const last = new nn.Conv2d(channels, 6, 3).to(device)
      const x = randn([2, 4, 9, 11], { device })
      const [gate, scale, plane, row] = [[2, channels, 1, 1], [channels, 1, 1], [2, 1, 9, 11], [11]].map((shape) =>
        positive(shape, device),
      )
      const between: Record<string, Fn> = {
        alone: (v) => v!.exp().add(1),
        'with another': (v, o) => o!.sub(v!.exp()).mul(v!),
        'with a gate': (v, o) => v!.mul(gate!).sub(o!).cos(),
        'with a scale': (v, o) => v!.div(scale!).add(0.5).mul(o!),
        'with a plane': (v, o) => v!.exp().mul(plane!).add(o!),
        'with a row': (v) => v!.exp().mul(row!),
      }
      for (const [name, fn] of Object.entries(between)) {
        const net: Fn = (x) => {
          const v = listOf(fn(first.forward(x!), other.forward(x!)))[0]!
          return [last.forward(v), v.mean([0, 2, 3])]
        }
        const program = compare(t, net, [x], name, 1e-5)
        t.regex(program, /elementwiseChain/, name)
      }
      // A chain keeps the layout of the convolutions: as much is laid out anew as around a ReLU.
      const reorders = async (fn: Fn) => {
        const steps = await stepsOf((x) => last.forward(listOf(fn(first.forward(x!)))[0]!), [x])
        return steps.filter((name) => name === 'reorder').length
      }
      const kept: Fn[] = [
        (v) => v!.exp().add(1),
        (v) => v!.exp().mul(plane!),
        (v) => v!.mul(gate!).cos(),
        (v) => v!.div(scale!).cos(),
      ]
      for (const fn of kept) t.is(await reorders(fn), await reorders((v) => v!.relu()))
    })
  }
}

// ---- what may not move ----------------------------------------------------------------------------------------------

for (const device of names) {
  for (const isView of [false, true]) {
    test.serial(`${device}: what is overwritten is read before${isView ? ', also through a view' : ''}`, (t) => {
      const run = (isCompiled: boolean) => {
        manualSeed(5)
        const [state, x] = [randn([4, 6], { device }), randn([4, 6], { device })]
        const step = (x: Tensor) => {
          const y = isView ? state.reshape([6, 4]).mul(2).reshape([4, 6]) : state.mul(2)
          const z = isView ? state.reshape([24]).exp() : state.reshape([4, 6]).exp()
          state.copy_(x)
          return [y.add(x).relu(), z.neg().sub(1), state.mul(1)]
        }
        const call = isCompiled ? compile((x: Tensor) => noGrad(() => step(x))) : (x: Tensor) => noGrad(() => step(x))
        return [1, 2].flatMap(() => tidy(() => call(x).map(values)))
      }
      t.deepEqual(run(true), run(false))
    })
  }

  test.serial(`${device}: what is known ahead is computed once`, async (t) => {
    const net = new nn.Conv2d(3, 8, 3).to(device)
    const plane = randn([1, 8, 4, 4], { device })
    const predict = compile((x: Tensor) =>
      noGrad(() =>
        plane
          .exp()
          .neg()
          .mul(F.maxPool2d(F.conv2d(x, net.weight.square().mul(2).add(1)), 1)),
      ),
    )
    const { steps } = await predict.profile(randn([1, 3, 6, 6], { device }))
    t.deepEqual(
      steps.map(({ name }) => name).filter((name) => !['reshape', 'reorder'].includes(name)),
      ['conv', 'maxPool', 'binary'],
    )
    t.regex(predict.toString(), /links=\[exp, neg\].*links=\[square, affine 2 0, affine 1 1\]/s)
  })

  test.serial(`${device}: sums of what is made at different times are added as it comes`, async (t) => {
    const convs = Array.from({ length: 4 }, () => new nn.Conv2d(4, 4, 3, { padding: 1 }).to(device))
    const net: Fn = (x) => {
      const parts = convs.map((conv) => F.maxPool2d(conv.forward(x!), 1))
      const [a, b, c, d] = parts as [Tensor, Tensor, Tensor, Tensor]
      return a.add(b).add(c).add(d).exp()
    }
    t.is(
      (await stepsOf(net, [randn([1, 4, 6, 6], { device })])).filter((name) => name === 'elementwiseChain').length,
      1,
    )
    const late: Fn = (x) => {
      let sum = F.maxPool2d(convs[0]!.forward(x!), 1).add(F.maxPool2d(convs[1]!.forward(x!), 1))
      for (const conv of convs) sum = sum.add(F.maxPool2d(conv.forward(x!), 1))
      return sum
    }
    const inputs = [randn([1, 4, 6, 6], { device })]
    compare(t, late, inputs, 'late', 1e-5)
    t.false((await stepsOf(late, inputs)).includes('elementwiseChain'), 'or all of them would be kept')
  })
}

test.serial('a chain takes the memory of what it reads for the last time, and reads it before', (t) => {
  const [x, row] = [randn([64, 1024], { device: 'cpu' }), randn([1024], { device: 'cpu' })]
  const inFirst: Fn = (x) => {
    const [a, b] = [F.softmax(x!, 0), F.softmax(x!, 1)]
    return F.softmax(row.sub(a).mul(b).exp().mul(a), 1)
  }
  const inOther: Fn = (x) => {
    const b = F.softmax(x!, 1)
    return F.softmax(x!.sub(b).exp().mul(b), 1)
  }
  for (const [fn, buffers] of [
    [inFirst, 2],
    [inOther, 1],
  ] as const) {
    compare(t, fn, [x], `${buffers}`)
    const run = compile((x: Tensor) => noGrad(() => fn(x)))
    tidy(() => run(x))
    t.is(run.programs()[0]!.arenaBytes, buffers * 64 * 1024 * 4)
  }
})

// ---- training -------------------------------------------------------------------------------------------------------

class Block extends nn.Module {
  readonly conv: nn.Conv2d
  readonly scale: nn.Parameter
  readonly activation: (x: Tensor) => Tensor
  constructor(channels: number, activation: (x: Tensor) => Tensor) {
    super()
    this.conv = new nn.Conv2d(channels, channels, 3, { padding: 1 })
    this.scale = new nn.Parameter(rand([channels, 1, 1]))
    this.activation = activation
  }
  override forward(x: Tensor): Tensor {
    return x.add(this.activation(this.conv.forward(x)).mul(this.scale))
  }
}

for (const device of names) {
  for (const channels of [16, 5]) {
    test.serial(
      `${device}: training steps with ${channels} channels, residual scaling, GELU, SiLU and Mish are the eager ones`,
      (t) => {
        const train = (isCompiled: boolean) => {
          manualSeed(6)
          const activations = [F.gelu, F.silu, mish, (x: Tensor) => F.gelu(x, { approximate: 'tanh' })]
          const net = new nn.Sequential(
            new nn.Conv2d(3, channels, 3),
            ...activations.map((activation) => new Block(channels, activation)),
            new nn.Flatten(),
            new nn.Linear(channels * 35, 10),
          ).to(device)
          const optimizer = new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 })
          const step = (x: Tensor, y: Tensor) => {
            const scores = net.forward(x)
            const loss = F.crossEntropy(scores, y).add(scores.sigmoid().sub(0.5).square().mean())
            loss.backward()
            optimizer.step()
            optimizer.zeroGrad()
            return loss.detach()
          }
          const compiled = compile(step)
          const call = isCompiled ? compiled : (x: Tensor, y: Tensor) => tidy(() => step(x, y))
          const losses: number[] = []
          for (let i = 0; i < 3; i++) {
            const loss = tidy(() => call(randn([3, 3, 7, 9], { device }), randint(0, 10, [3], { device })))
            losses.push(loss.itemSync())
            loss.dispose()
          }
          return {
            losses,
            weights: net.parameters().flatMap(values),
            program: isCompiled ? compiled.toString() : '',
          }
        }
        const [eager, compiled] = [train(false), train(true)]
        t.true(relativeError(compiled.losses, eager.losses) <= 1e-5, `${compiled.losses} ${eager.losses}`)
        const error = relativeError(compiled.weights, eager.weights)
        t.true(error <= 1e-5, `weights: ${error}`)
        t.regex(compiled.program, /elementwiseChain\([^\n]*gelu' at/)
        t.notRegex(compiled.program, /unaryBackward\([^\n]*function=silu[^\n]*\n[^\n]*binary/)
      },
    )
  }
}

// ---- types ----------------------------------------------------------------------------------------------------------

const chains: Fn[] = [
  (x, y) => mish(x!.mul(y!)).add(1).sub(x!),
  (x, y) => x!.square().add(y!.square()).sqrt(),
  (x, y) => y!.div(x!.abs().add(0.5)).sigmoid().mul(y!),
]

test.serial('float64 on reference', async (t) => {
  manualSeed(7)
  const inputs = [1, 2].map(() => randn([3, 5, 7], { device: 'reference' }).to('float64'))
  for (const [i, fn] of chains.entries()) {
    compare(t, fn, inputs, `chain ${i}`)
    t.true((await stepsOf(fn, inputs)).includes('elementwiseChain'))
  }
})

for (const device of names) {
  for (const half of ['bfloat16', 'float16'] satisfies Float[]) {
    test.serial(`${device}: a chain of ${half} is no further from the truth than its ops one by one`, async (t) => {
      manualSeed(8)
      const inputs = [1, 2].map(() => tidy(() => randn([3, 5, 7, 11], { device }).to(half).detach()))
      for (const [i, fn] of chains.entries()) {
        const exact = inputs.map((x) => x.to('reference').to('float64'))
        const truth = tidy(() => values(listOf(fn(...exact))[0]!))
        const eager = tidy(() => noGrad(() => values(listOf(fn(...inputs))[0]!.to('float32'))))
        const compiled = compile((...given: Tensor[]) => noGrad(() => fn(...given)))
        const made = tidy(() => values(listOf(compiled(...inputs))[0]!.to('float32')))
        const [error, allowed] = [relativeError(made, truth), relativeError(eager, truth) * 1.1]
        t.true(passes(error, allowed), `chain ${i}: ${error} > ${allowed}`)
        if (device.startsWith('cuda')) t.true((await stepsOf(fn, inputs)).includes('elementwiseChain'))
      }
    })
  }
}
