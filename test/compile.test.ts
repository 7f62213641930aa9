// compile(): what is recorded, what is read anew at each run, what makes another program, and what is refused.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import {
  type Compiled,
  compile,
  functional as F,
  GradientError,
  keep,
  manualSeed,
  memory,
  models,
  nn,
  noGrad,
  ones,
  optim,
  randint,
  randn,
  synchronize,
  type Tensor,
  tensor,
  tidy,
  ValueError,
} from '../lib/index.js'
import { relativeError } from './support/compare.js'

type Step = (x: Tensor, y: Tensor) => Tensor

function smallNet(): nn.Sequential {
  return new nn.Sequential(
    new nn.Conv2d(3, 16, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(16),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(16, 24, 3, { padding: 1 }),
    new nn.ReLU6(),
    new nn.Flatten(),
    new nn.Dropout(0.3),
    new nn.Linear(24 * 16, 10),
  )
}

const values = (t: Tensor) => t.dataSync() as Float32Array

/** Trains the same network twice, eager and compiled, and compares losses, parameters and buffers. */
function compareTraining(
  t: ExecutionContext,
  make: () => { net: nn.Module; step: Step; between?: (i: number) => void },
  { steps = 6, shape = [6, 3, 8, 8], tolerance = 1e-5 } = {},
): Compiled<[Tensor, Tensor], Tensor> {
  let compiled: Compiled<[Tensor, Tensor], Tensor> | undefined
  const run = (isCompiled: boolean) => {
    manualSeed(5)
    const { net, step, between } = make()
    if (isCompiled) compiled = compile(step)
    const call: Step = isCompiled ? compiled! : (x, y) => tidy(() => step(x, y))
    const losses: number[] = []
    for (let i = 0; i < steps; i++) {
      between?.(i)
      // a ragged last batch
      const batch = i === steps - 1 ? shape[0]! - 2 : shape[0]!
      const loss = tidy(() => call(randn([batch, ...shape.slice(1)]), randint(0, 10, [batch])))
      losses.push(loss.itemSync())
      loss.dispose()
    }
    return { losses, state: Object.entries(net.stateDict()).map(([name, each]) => [name, values(each)] as const) }
  }
  const eager = run(false)
  const other = run(true)
  t.true(
    relativeError(Float64Array.from(other.losses), Float64Array.from(eager.losses)) <= tolerance,
    `${other.losses} ${eager.losses}`,
  )
  for (const [i, [name, expected]] of eager.state.entries()) {
    const error = relativeError(other.state[i]![1], expected)
    t.true(error <= tolerance, `${name}: ${error}`)
  }
  return compiled!
}

function stepOf(net: nn.Module, optimizer: optim.Optimizer, zeroFirst = false): Step {
  return (x, y) => {
    if (zeroFirst) optimizer.zeroGrad()
    const loss = F.crossEntropy(net.forward(x), y)
    loss.backward()
    optimizer.step()
    if (!zeroFirst) optimizer.zeroGrad()
    return loss.detach()
  }
}

for (const [name, optimizerOf] of Object.entries({
  SGD: (p: Tensor[]) => new optim.SGD(p, { lr: 0.05, momentum: 0.9, nesterov: true, weightDecay: 1e-3 }),
  Adam: (p: Tensor[]) => new optim.Adam(p, { lr: 0.01, amsgrad: true }),
  AdamW: (p: Tensor[]) => new optim.AdamW(p, { lr: 0.01 }),
  RMSprop: (p: Tensor[]) => new optim.RMSprop(p, { lr: 0.003, momentum: 0.5, centered: true }),
})) {
  test.serial(
    `a step of ${name} compiled is the eager one: dropout, statistics, changed rates, a ragged batch`,
    (t) => {
      const compiled = compareTraining(t, () => {
        const net = smallNet()
        const optimizer = optimizerOf(net.parameters())
        return { net, step: stepOf(net, optimizer), between: (i) => (optimizer.lr = i < 3 ? optimizer.lr : 0.002) }
      })
      t.is(compiled.programs().length, 2, 'one program for each batch size')
    },
  )
}

test.serial('gradients cleared at the start stay in .grad afterwards', (t) => {
  manualSeed(1)
  const net = smallNet()
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  const [x, y] = [randn([4, 3, 8, 8]), randint(0, 10, [4])]
  const step = compile(stepOf(net, optimizer, true))
  for (let i = 0; i < 3; i++) step(x, y).dispose()
  t.is(step.programs().length, 1)
  t.true(net.parameters().every((p) => p.grad !== null && values(p.grad).some((v) => v !== 0)))
})

test.serial('gradients are accumulated over calls, as in eager execution', (t) => {
  const run = (isCompiled: boolean) => {
    manualSeed(2)
    const net = new nn.Linear(5, 3)
    const fn = (x: Tensor) => void net.forward(x).square().sum().backward()
    const call = isCompiled ? compile(fn) : fn
    for (let i = 0; i < 4; i++) tidy(() => call(randn([2, 5])))
    return values(net.weight.grad!)
  }
  t.true(relativeError(run(true), run(false)) <= 1e-6)
})

test.serial('clipping, several outputs and an auxiliary loss', (t) => {
  compareTraining(t, () => {
    const net = smallNet()
    const side = new nn.Linear(3 * 64, 10)
    const optimizer = new optim.SGD([...net.parameters(), ...side.parameters()], { lr: 0.1 })
    const step: Step = (x, y) => {
      const loss = F.crossEntropy(net.forward(x), y).add(F.crossEntropy(side.forward(x.flatten(1)), y).mul(0.3))
      loss.backward()
      optim.clipGradNorm(net.parameters(), 0.1)
      optim.clipGradValue(side.parameters(), 0.01)
      optimizer.step()
      optimizer.zeroGrad()
      return loss.detach()
    }
    return { net: new nn.ModuleList([net, side]) as unknown as nn.Module, step }
  })
})

test.serial('a frozen layer stays as it is, and thawing it makes another program', (t) => {
  manualSeed(3)
  const net = smallNet()
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  const step = compile(stepOf(net, optimizer))
  const [x, y] = [randn([4, 3, 8, 8]), randint(0, 10, [4])]
  const first = net.at(0) as nn.Conv2d
  first.freeze()
  const before = values(first.weight)
  for (let i = 0; i < 2; i++) step(x, y).dispose()
  t.deepEqual(values(first.weight), before)
  first.unfreeze()
  step(x, y).dispose()
  t.notDeepEqual(values(first.weight), before)
  t.is(step.programs().length, 2)
})

test.serial('train() and eval() have programs of their own; inference folds normalisation', (t) => {
  manualSeed(4)
  const net = smallNet()
  const x = randn([4, 3, 8, 8])
  tidy(() => net.forward(randn([32, 3, 8, 8]))) // statistics that are not 0 and 1
  const predict = net.compile()
  for (const mode of ['eval', 'train', 'eval'] as const) {
    net[mode]()
    manualSeed(9)
    const mean = values((net.at(1) as nn.BatchNorm2d).runningMean!)
    const expected = tidy(() => noGrad(() => values(net.forward(x))))
    ;(net.at(1) as nn.BatchNorm2d).runningMean!.copy_(tensor(mean))
    manualSeed(9)
    const actual = tidy(() => values(predict(x)))
    t.true(relativeError(actual, expected) <= 1e-5, mode)
  }
  t.is(predict.programs().length, 2)
  t.regex(predict.toString(), /convActivation/)
  t.notRegex(predict.toString(), /batchNorm/)
  t.regex(predict.toString('recorded'), /batchNorm/)
  t.true(predict.programs()[0]!.constantSteps > 0)
})

test.serial('weights that change between two predictions count', (t) => {
  const net = new nn.Conv2d(3, 16, 3).eval()
  const x = randn([1, 3, 8, 8])
  const predict = net.compile()
  const before = tidy(() => values(predict(x)))
  noGrad(() => {
    net.weight.copy_(tidy(() => net.weight.mul(2)))
    net.bias!.copy_(tidy(() => net.bias!.mul(2)))
  })
  const after = tidy(() => values(predict(x)))
  t.true(
    relativeError(
      after,
      before.map((v) => 2 * v),
    ) <= 1e-6,
  )
  t.is(predict.programs().length, 1)
})

test.serial('a module that moves or is loaded anew is recorded again or read anew', (t) => {
  const [a, b] = [new nn.Linear(4, 2), new nn.Linear(4, 2)]
  const x = randn([3, 4])
  const predict = a.compile()
  tidy(() => predict(x))
  a.loadStateDict(b.stateDict())
  const expected = tidy(() => noGrad(() => values(b.forward(x))))
  const loaded = tidy(() => values(predict(x)))
  t.true(relativeError(loaded, expected) <= 1e-6)
  a.to('reference')
  const moved = tidy(() => values(predict(x.to('reference'))))
  t.true(relativeError(moved, expected) <= 1e-6)
})

test.serial('results come back in the shape that the function gave them, plain values and all', (t) => {
  const f = compile((x: Tensor, scale: number) => ({
    doubled: x.mul(2),
    list: [x.add(scale), 'text'] as const,
    same: x,
  }))
  const x = tensor([1, 2, 3])
  const { doubled, list, same } = f(x, 10)
  t.deepEqual([...values(doubled)], [2, 4, 6])
  t.deepEqual([...values(list[0])], [11, 12, 13])
  t.is(list[1], 'text')
  t.deepEqual([...values(same)], [1, 2, 3])
  t.deepEqual([...values(f(x, 20).list[0])], [21, 22, 23])
  t.is(f.programs().length, 2, 'a plain value is part of the program')
})

test.serial('the cache is bounded and keeps what was used last', (t) => {
  const f = compile((x: Tensor) => x.mul(2), { maxPrograms: 2 })
  for (const n of [1, 2, 1, 3]) f(ones([n])).dispose()
  t.deepEqual(
    f.programs().map(({ arguments: given }) => given.slice(0, 10)),
    ['float32[3]', 'float32[1]'],
  )
  f.dispose()
  t.is(f.programs().length, 0)
  t.throws(() => f.toString(), { instanceOf: ValueError })
  t.deepEqual([...values(f(ones([2])))], [2, 2])
})

test.serial('nothing leaks, and what a run makes on the way has one place', async (t) => {
  const net = smallNet()
  const optimizer = new optim.Adam(net.parameters(), { lr: 0.01 })
  const step = compile(stepOf(net, optimizer))
  const [x, y] = [randn([8, 3, 8, 8]), randint(0, 10, [8])]
  for (let i = 0; i < 2; i++) {
    step(x, y).dispose() // the second has the plan of the first, and moves the weights
    await synchronize()
  }
  const before = memory()
  for (let i = 0; i < 50; i++) step(x, y).dispose()
  await synchronize()
  const after = memory()
  t.is(after.live, before.live)
  t.is(after.tensors, before.tensors)
  t.is(after.reserved, before.reserved)
})

test.serial('what cannot be compiled is refused with a sentence, and leaves everything as it was', (t) => {
  const net = new nn.Linear(3, 1)
  const x = randn([2, 3])
  const offset = () => tidy(() => values(randn([1])))[0]
  const refused = (fn: (x: Tensor) => unknown, expectation: { instanceOf?: typeof ValueError; message: RegExp }) => {
    const call = compile(fn)
    t.throws(() => call(x), expectation)
    t.is(call.programs().length, 0)
  }
  refused((x) => (x.sum().itemSync() > 0 ? x : x.neg()), {
    instanceOf: ValueError,
    message: /JavaScript can neither read them/,
  })
  refused((x) => x.to('reference'), { instanceOf: ValueError, message: /moving/ })
  refused((x) => Promise.resolve(x), { instanceOf: ValueError, message: /returned a promise/ })
  refused((x) => net.forward(x), { instanceOf: GradientError as never, message: /wants a gradient.*backward\(\)/ })
  refused((x) => keep(x.mul(2)), { instanceOf: ValueError, message: /return it from the function/ })
  const inner = compile((x: Tensor) => x.mul(2))
  refused((x) => inner(x), { instanceOf: ValueError, message: /while another one is recorded/ })
  refused(
    (x) => {
      net.forward(x).sum().backward()
      throw new Error('meant to happen')
    },
    { message: /meant to happen/ },
  )
  t.is(net.weight.grad, null, 'gradients of a recording that failed are gone')
  manualSeed(1)
  const expected = offset()
  manualSeed(1)
  t.throws(() => compile(() => void randn([1]).itemSync())(), { instanceOf: ValueError })
  t.is(offset(), expected, 'the random counter too')
  t.throws(() => compile(1 as never), { instanceOf: ValueError })
  t.throws(() => compile(() => 1, { maxPrograms: 0 }), { instanceOf: ValueError })
  let escaped: Tensor | undefined
  compile((x: Tensor) => {
    escaped = x.mul(2)
    return x.add(1)
  })(x)
  t.true(escaped!.isDisposed)
  const dead = randn([2])
  const uses = compile((x: Tensor) => x.sum().add(dead.sum()))
  uses(x).dispose()
  dead.dispose()
  t.throws(() => uses(x), { message: /disposed/ })
})

test.serial('a failure of an op at run time names it', async (t) => {
  const f = compile((logits: Tensor, target: Tensor) => F.crossEntropy(logits, target))
  f(randn([2, 3]), tensor([0, 1], { dtype: 'int32' })).dispose()
  const wrong = f(randn([2, 3]), tensor([0, 7], { dtype: 'int32' }))
  await t.throwsAsync(wrong.item(), { instanceOf: ValueError, message: /crossEntropy.*of a compiled function/ })
})

test.serial('profile() tells time, work and bytes of each step, as a table and as a trace', async (t) => {
  const net = smallNet().eval()
  const predict = net.compile()
  const profile = await predict.profile(randn([4, 3, 8, 8]))
  t.is(profile.steps.length, predict.programs()[0]!.steps)
  t.is(profile.multiplyAdds, 4 * (64 * 27 * 16 + 16 * 16 * 9 * 24 + 24 * 16 * 10))
  t.true(profile.seconds > 0 && profile.peak.multiplyAdds > 0 && profile.peak.bytes > 0)
  t.regex(profile.toString(), /convActivation/)
  const { traceEvents } = JSON.parse(profile.toChromeTrace()) as { traceEvents: { name: string; dur: number }[] }
  t.is(traceEvents.length, profile.steps.length)
})

test.serial('a small program is done by one thread, a large one is shared', (t) => {
  if (process.platform !== 'linux') return t.log('threads are counted on Linux alone')
  const script = fileURLToPath(new URL('fixtures/small-program.js', import.meta.url))
  const env = { ...process.env, OMP_NUM_THREADS: '4' }
  const started = JSON.parse(execFileSync(process.execPath, [script], { encoding: 'utf8', env })) as object
  t.deepEqual(started, { small: 0, large: 3 })
})

const zoo: Record<string, { make: () => nn.Module; size: number }> = {
  lenet5: { make: () => models.lenet5(), size: 32 },
  resnet18: { make: () => models.resnet18({ numClasses: 10, baseChannels: 8 }), size: 33 },
  resnet50: { make: () => models.resnet50({ numClasses: 10, baseChannels: 8 }), size: 33 },
  mobilenetV2: { make: () => models.mobilenetV2({ numClasses: 10, width: 0.25, dropout: 0 }), size: 64 },
  mobilenetV1: { make: () => models.mobilenetV1({ numClasses: 10, width: 0.25 }), size: 64 },
  densenet121: { make: () => models.densenet121({ numClasses: 10 }), size: 33 },
  nasnet: { make: () => models.nasnetAMobile({ numClasses: 10, channels: 8, stemChannels: 6, cells: 1 }), size: 64 },
}
for (const [name, { make, size }] of Object.entries(zoo)) {
  test.serial(`${name}: compiled predictions, gradients and an update are the eager ones`, (t) => {
    manualSeed(6)
    const net = make()
    const channels = name === 'lenet5' ? 1 : 3
    const [x, y] = [randn([2, channels, size, size]), randint(0, 10, [2])]
    net.eval()
    const expected = tidy(() => noGrad(() => values(net.forward(x))))
    const actual = tidy(() => values(net.compile()(x)))
    t.true(relativeError(actual, expected) <= 1e-5, 'predictions')
    const gradients = (run: (fn: (x: Tensor, y: Tensor) => Tensor[]) => Tensor[]) =>
      tidy(() =>
        run((x, y) => {
          net.zeroGrad()
          F.crossEntropy(net.forward(x), y).backward()
          return net.parameters().map((p) => p.grad!.detach())
        }).map(values),
      )
    const eager = gradients((fn) => fn(x, y))
    const compiled = gradients((fn) => compile(fn)(x, y))
    const join = (list: Float32Array[]) => Float32Array.from(list.flatMap((each) => [...each]))
    const error = relativeError(join(compiled), join(eager))
    t.true(error <= 1e-5, `gradients: ${error}`)
  })
}
