// Trainings that diverge: they show it, and with stopAtNaN they end before the bad step and say where it began.
import ava from 'ava'
import {
  data,
  full,
  functional,
  manualSeed,
  nn,
  noGrad,
  optim,
  randn,
  type Tensor,
  train,
  ValueError,
  zeros,
} from '../lib/index.js'
import { ringRun } from './support/rings.js'
import { baseline, settled } from './support/run-case.js'

/** One after another: they share the random numbers. */
const test = ava.serial
const { DataLoader, TensorDataset } = data

/** Gives NaN, in its output or its gradient, from some call on. */
class Sick extends nn.Module {
  calls = 0
  readonly #from: number
  readonly #where: 'output' | 'gradient'
  constructor(from: number, where: 'output' | 'gradient') {
    super()
    this.#from = from
    this.#where = where
  }
  override forward(x: Tensor): Tensor {
    if (++this.calls < this.#from) return x
    return this.#where === 'output' ? x.sub(x).log().sub(x.sub(x).log()).add(x) : x.add(x.detach().sub(x).sqrt())
  }
}

function run(net: nn.Sequential, options: Partial<train.TrainerOptions> = {}, x = randn([32, 4])) {
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  const loss = functional.crossEntropy
  const trainer = new train.Trainer(net, { optimizer, loss, stopAtNaN: true, compile: false, ...options })
  return { trainer, loader: new DataLoader(new TensorDataset(x, zeros([32], { dtype: 'int32' })), { batchSize: 8 }) }
}

for (const compile of [false, true]) {
  test(`a network of NaN shows it in its history (compile: ${compile})`, async (t) => {
    const net = new nn.Sequential(new nn.Linear(4, 4), new nn.ReLU(), new nn.Linear(4, 2))
    noGrad(() => (net[0] as nn.Linear).weight.fill_(Number.NaN))
    const { trainer, loader } = run(net, { compile, stopAtNaN: false })
    const history = await trainer.fit(loader, { epochs: 2 })
    for (const { loss } of history) t.true(Number.isNaN(loss))
  })

  test(`it says which parameter was NaN before (compile: ${compile})`, async (t) => {
    const net = new nn.Sequential(new nn.Linear(4, 4), new nn.ReLU(), new nn.Linear(4, 2))
    noGrad(() => (net[2] as nn.Linear).bias!.fill_(Number.NaN))
    const { trainer, loader } = run(net, { compile })
    const message = /^Trainer\.fit: the loss is NaN at step 1, epoch 0; 2\.bias held such values before this step$/
    await t.throwsAsync(trainer.fit(loader, { epochs: 2 }), { instanceOf: ValueError, message })
  })
}

test('it says in which layer, at which step, and the parameters are those of the step before', async (t) => {
  manualSeed(1)
  const sick = new Sick(7, 'output')
  const net = new nn.Sequential(new nn.Linear(4, 4), new nn.Sequential(new nn.ReLU(), sick), new nn.Linear(4, 2))
  const { trainer, loader } = run(net)
  const seen: number[][] = []
  await t.throwsAsync(
    trainer.fit(loader, { epochs: 3, onStep: () => seen.push([...net.parameters()[0]!.dataSync()]) }),
    { instanceOf: ValueError, message: /the loss is NaN at step 7, epoch 1; it began in 1\.1 \(Sick\): its output/ },
  )
  t.is(trainer.step, 6)
  t.deepEqual([...net.parameters()[0]!.dataSync()], seen.at(-1))
  t.true(net.parameters().every((parameter) => parameter.grad === null))
})

test('it finds a gradient that is not finite, while the loss still is', async (t) => {
  const net = new nn.Sequential(new nn.Linear(4, 4), new Sick(3, 'gradient'), new nn.Linear(4, 2))
  const { trainer, loader } = run(net)
  await t.throwsAsync(trainer.fit(loader, { epochs: 2 }), {
    instanceOf: ValueError,
    message: /the norm of the gradients is NaN at step 3, epoch 0; it began in the gradient of 0\.bias/,
  })
})

test('it finds a batch that is not finite', async (t) => {
  const { trainer, loader } = run(new nn.Sequential(new nn.Linear(4, 2)), {}, full([32, 4], Number.POSITIVE_INFINITY))
  await t.throwsAsync(trainer.fit(loader, { epochs: 1 }), { message: /the inputs of the batch hold such values/ })
})

test('a healthy training is the same with it, and leaves nothing behind', async (t) => {
  const losses = async (stopAtNaN: boolean) => {
    const { dataset, net, optimizer } = ringRun()
    const loader = new DataLoader(dataset, { batchSize: 16, shuffle: true, seed: 3 })
    const trainer = new train.Trainer(net, { optimizer, loss: functional.crossEntropy, clipGradNorm: 1, stopAtNaN })
    const history = await trainer.fit(loader, { epochs: 3 })
    const before = await baseline('cpu')
    await trainer.fit(loader, { epochs: 5 })
    t.true((await settled('cpu')).tensors <= before.tensors)
    return history.slice(0, 3).map(({ loss }) => loss)
  }
  const [watched, unwatched] = [await losses(true), await losses(false)]
  // Libraries may add up in another order in ops that stand alone: oneDNN 3.12 does.
  for (const [i, loss] of watched.entries())
    t.true(Math.abs(loss - unwatched[i]!) <= 1e-6 * loss, `${watched}, ${unwatched}`)
  t.is(watched.length, 3)
})
