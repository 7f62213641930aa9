// Optimizers written outside of the package: what changes from step to step reaches a compiled step, and PyTorch's losses come out.
import test, { type ExecutionContext } from 'ava'
import { Lion, Muon } from '../examples/own-optimizers.js'
import {
  type Compiled,
  compile,
  nn,
  noGrad,
  optim,
  type Tensor,
  Trainer,
  tensor,
  tidy,
  ValueError,
} from '../lib/index.js'
import { goldenJson, relativeError } from './support/golden-json.js'

const golden = goldenJson<{ lion: number[]; muon: number[] }>('own-optimizers.json')

const options = { device: 'cpu', dtype: 'float64' } as const

/** As in test/golden/own-optimizers.py. */
function waves(shape: readonly number[], scale = 1, phase = 0): Tensor {
  const n = shape.reduce((product, size) => product * size, 1)
  const data = Float64Array.from({ length: n }, (_, i) => Math.sin(i * 1.7 + phase) * scale)
  const flat = tensor(data, options)
  return flat.reshape([...shape])
}

class Net extends nn.Module {
  first = new nn.Parameter(waves([8, 6], 0.4, 1).clone())
  second = new nn.Parameter(waves([3, 8], 0.4, 2).clone())
  override forward(x: Tensor): Tensor {
    return x.matmul(this.first.transpose(0, 1)).tanh().matmul(this.second.transpose(0, 1))
  }
}

const mse = (output: Tensor, target: Tensor) => output.sub(target).square().mean()

type Optimizer = optim.Optimizer
type Options = 'weightDecay' | 'momentum' | 'betas' | 'dampening' | 'eps' | 'amsgrad' | 'centered'
type Make = (params: Tensor[]) => Optimizer

/** Six epochs of four steps; the rate falls to a tenth at the fourth. */
function losses(make: Make, isCompiled: boolean): { losses: number[]; step?: Compiled<[Tensor, Tensor], Tensor> } {
  const net = new Net()
  const optimizer = make(net.parameters())
  const scheduler = new optim.StepLR(optimizer, 3)
  const [x, y] = [waves([24, 6]), waves([24, 3], 1, 0.5)]
  const train = (input: Tensor, target: Tensor) => {
    const loss = mse(net.forward(input), target)
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss.detach()
  }
  const step = isCompiled ? compile(train) : undefined
  const found: number[] = []
  for (let epoch = 0; epoch < 6; epoch++) {
    for (let i = 0; i < 4; i++) found.push(step ? step(x, y).itemSync() : tidy(() => train(x, y).itemSync()))
    scheduler.step()
  }
  return { losses: found, ...(step && { step }) }
}

/** Warnings of `fn`. */
async function warningsOf(fn: () => void): Promise<string[]> {
  const messages: string[] = []
  const listen = (warning: Error) => messages.push(warning.message)
  process.on('warning', listen)
  fn()
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', listen)
  return messages.filter((message) => message.startsWith('compile: '))
}

const makers: [string, Make, number[]][] = [
  ['Lion', (params) => new Lion(params, { lr: 1e-2, betas: [0.9, 0.99], weightDecay: 0.1 }), golden.lion],
  ['Muon', (params) => new Muon(params, { lr: 0.02, weightDecay: 0.01 }), golden.muon],
]

for (const [name, make, expected] of makers) {
  test.serial(`${name}: eager and compiled give PyTorch's losses, with one program for all rates`, async (t) => {
    t.true(relativeError(losses(make, false).losses, expected) < 1e-9)
    const warnings = await warningsOf(() => {
      const { losses: found, step } = losses(make, true)
      t.true(relativeError(found, expected) < 1e-9, `${found}`)
      t.is(step!.programs().length, 1)
      t.is(step!.programs()[0]!.runs, 24)
    })
    t.deepEqual(warnings, [])
  })

  test.serial(`${name}: a Trainer gives PyTorch's losses`, async (t) => {
    const net = new Net()
    const optimizer = make(net.parameters())
    const loader = {
      length: 4,
      async *[Symbol.asyncIterator]() {
        for (let i = 0; i < 4; i++) yield { x: waves([24, 6]), y: waves([24, 3], 1, 0.5) }
      },
    }
    const scheduler = new optim.StepLR(optimizer, 3)
    const found: number[] = []
    const trainer = new Trainer(net, { optimizer, scheduler, loss: mse, metrics: {} })
    await trainer.fit(loader, { epochs: 6, onStep: ({ stepLoss }) => void found.push(stepLoss) })
    t.true(relativeError(found, expected) < 1e-6, `${found}`)
  })
}

/** Reads plain numbers, as one would at first: also the step's number, and a counter of its own. */
class Plain extends optim.Optimizer<optim.GroupOptions & { warmup: number }> {
  calls = 0
  constructor(params: optim.Params<optim.GroupOptions & { warmup: number }>, lr: number, warmup = 0) {
    super(params, { lr, warmup })
  }
  protected override check() {}
  protected override stateNames() {
    return []
  }
  protected override update({ lr, warmup }: optim.GroupOptions & { warmup: number }, bucket: optim.Bucket) {
    const rate = warmup > 0 ? lr * Math.min(1, bucket.step / warmup) : lr
    for (const [i, param] of bucket.params.entries()) param.copy_(param.sub(bucket.grads[i]!.mul(rate)))
  }
}

function agree(t: ExecutionContext, make: Make): Compiled<[Tensor, Tensor], Tensor> {
  const eager = losses(make, false).losses
  const { losses: found, step } = losses(make, true)
  t.true(relativeError(found, eager) < 1e-9, `${found}, expected ${eager}`)
  return step!
}

const builtIn: [string, Make][] = [
  ['Adagrad', (params) => new optim.Adagrad(params, { lr: 0.05, lrDecay: 0.1, initialAccumulatorValue: 0.1 })],
  ['Adadelta', (params) => new optim.Adadelta(params, { weightDecay: 0.01 })],
  ['Adamax', (params) => new optim.Adamax(params, { lr: 0.02 })],
  ['NAdam', (params) => new optim.NAdam(params, { lr: 0.02, weightDecay: 0.1, decoupledWeightDecay: true })],
  ['RAdam', (params) => new optim.RAdam(params, { lr: 0.02, betas: [0.9, 0.8], weightDecay: 0.01 })],
]

for (const [name, make] of builtIn) {
  test.serial(`${name}, which is written with ops: compiled as eager, with one program for all rates`, async (t) => {
    const warnings = await warningsOf(() => {
      const step = agree(t, make)
      t.is(step.programs().length, 1)
      t.is(step.programs()[0]!.runs, 24)
    })
    t.deepEqual(warnings, [])
  })
}

test.serial('rates that are read as plain numbers are recorded anew, with one warning', async (t) => {
  const warnings = await warningsOf(() => {
    const step = agree(t, (params) => new Plain(params, 0.5))
    t.is(step.programs().length, 2)
  })
  t.is(warnings.length, 1)
  t.regex(warnings[0]!, /lr of Plain has changed from 0\.5 to 0\.05.*this\.scalar/)
})

test.serial('a step number that is read as a plain number is right, too', async (t) => {
  const warnings = await warningsOf(() => void agree(t, (params) => new Plain(params, 0.5, 10)))
  t.regex(warnings[0]!, /step of Plain/)
})

test.serial('a counter of the optimizer itself, and a step() of its own, are right', (t) => {
  class Own extends Plain {
    override step() {
      noGrad(() =>
        tidy(() => {
          this.calls++
          for (const { params, lr } of this.paramGroups) {
            for (const param of params) if (param.grad) param.copy_(param.sub(param.grad.mul(lr / this.calls)))
          }
        }),
      )
    }
  }
  agree(t, (params) => new Own(params, 0.5))
})

test.serial('several ops in update(), momentum that a schedule cycles, and two steps in one function', (t) => {
  const make: Make = (params) => {
    const optimizer = new Muon(params, { momentum: 0.9 })
    return optimizer
  }
  const run = (isCompiled: boolean) => {
    const net = new Net()
    const optimizer = make(net.parameters()) as Muon
    const [x, y] = [waves([24, 6]), waves([24, 3], 1, 0.5)]
    const train = (input: Tensor) => {
      for (let i = 0; i < 2; i++) {
        mse(net.forward(input), y).backward()
        optimizer.step()
        optimizer.zeroGrad()
      }
      return mse(net.forward(input), y).detach()
    }
    const step = isCompiled ? compile(train) : (input: Tensor) => tidy(() => train(input))
    return Array.from({ length: 5 }, (_, i) => {
      optimizer.paramGroups[0]!.momentum = 0.9 + i / 100
      optimizer.paramGroups[0]!.weightDecay = i / 50
      return step(x).itemSync()
    })
  }
  t.true(relativeError(run(true), run(false)) < 1e-9)
})

test.serial("options of the package's optimizers reach a compiled step", (t) => {
  const run = (make: Make, isCompiled: boolean) => {
    const net = new Net()
    const optimizer = make(net.parameters())
    const [x, y] = [waves([24, 6]), waves([24, 3], 1, 0.5)]
    const train = (input: Tensor) => {
      mse(net.forward(input), y).backward()
      optimizer.step()
      optimizer.zeroGrad()
      return mse(net.forward(input), y).detach()
    }
    const step = isCompiled ? compile(train) : (input: Tensor) => tidy(() => train(input))
    return Array.from({ length: 6 }, (_, i) => {
      const group = optimizer.paramGroups[0] as unknown as Partial<Record<Options, unknown>>
      if (i === 1) group.weightDecay = 0.1
      if (i === 2 && 'momentum' in group) group.momentum = 0.5
      if (i === 2 && 'betas' in group) group.betas = [0.5, 0.9]
      if (i === 3 && 'dampening' in group) group.dampening = 0.3
      if (i === 3 && 'eps' in group) group.eps = 0.1
      if (i === 4 && 'amsgrad' in group) group.amsgrad = true
      if (i === 4 && 'centered' in group) group.centered = true
      if (i === 5 && 'momentum' in group) group.momentum = 0
      return step(x).itemSync()
    })
  }
  const all: Make[] = [
    (params) => new optim.SGD(params, { lr: 0.1, momentum: 0.9 }),
    (params) => new optim.Adam(params, { lr: 0.01 }),
    (params) => new optim.RMSprop(params, { lr: 0.01, momentum: 0.1 }),
  ]
  for (const make of all) t.true(relativeError(run(make, true), run(make, false)) < 1e-9)
})

test.serial('a group or parameter that is replaced is trained from then on', (t) => {
  const [a, b] = [waves([4]).clone().requiresGrad_(), waves([4], 2).clone().requiresGrad_()]
  const optimizer = new optim.SGD([a], { lr: 0.5 })
  const step = compile((x: Tensor) => {
    x.mul(a.add(b)).sum().backward()
    optimizer.step()
    optimizer.zeroGrad()
    b.grad = null
  })
  const x = waves([4], 1, 3)
  step(x)
  const before = [a, b].map((each) => each.clone())
  optimizer.paramGroups[0]!.params[0] = b
  step(x)
  t.deepEqual(a.dataSync(), before[0]!.dataSync())
  t.true(
    relativeError(b.sub(before[1]!).dataSync() as Float64Array, [...(x.mul(-0.5).dataSync() as Float64Array)]) < 1e-12,
  )
})

test.serial('scalar() refuses what is no number', (t) => {
  class Bad extends Plain {
    protected override update(_: unknown, bucket: optim.Bucket) {
      this.scalar(bucket, () => undefined as unknown as number)
    }
  }
  const net = new Net()
  mse(net.forward(waves([24, 6])), waves([24, 3])).backward()
  t.throws(() => new Bad(net.parameters(), 0.1).step(), { instanceOf: ValueError, message: /scalar\(\) got undefined/ })
})
