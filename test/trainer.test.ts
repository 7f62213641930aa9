// Trainer: it learns, reports, stops and resumes bit for bit. What it leaves behind, and how long it takes: trainer-memory.test.ts.
import { PassThrough } from 'node:stream'
import ava, { type ExecutionContext } from 'ava'
import {
  DTypeError,
  data,
  FormatError,
  functional,
  loadSafetensors,
  manualSeed,
  models,
  nn,
  noGrad,
  optim,
  randint,
  randn,
  readSafetensors,
  readSafetensorsMetadata,
  saveSafetensors,
  Tensor,
  tensor,
  train,
  ValueError,
} from '../lib/index.js'
import { ringRun, rings } from './support/rings.js'
import { temporaryFolder } from './support/temporary.js'

/** One after another: they share the random numbers. */
const test = ava.serial
const { DataLoader, TensorDataset } = data
const { Trainer } = train
const inFolder = temporaryFolder()

async function valuesOf(net: nn.Module): Promise<Record<string, readonly number[]>> {
  const entries = Object.entries(net.stateDict()).map(async ([name, x]) => [name, [...(await x.data())]] as const)
  return Object.fromEntries(await Promise.all(entries))
}

// ---- learning ---------------------------------------------------------------------------------------------------------

test('learns what no line separates, with a short last batch', async (t) => {
  const { loader, dataset, trainer, net } = ringRun(30)
  const epochs: train.EpochRecord[] = []
  const steps: train.StepInfo[] = []
  const validation = new DataLoader(dataset, { batchSize: 64 })
  const history = await trainer.fit(loader, {
    epochs: 30,
    validation,
    onStep: (info) => steps.push(info),
    onEpoch: (record) => void epochs.push(record),
  })
  t.deepEqual(epochs, [...history])
  t.is(history.length, 30)
  t.is(steps.length, 210)
  t.deepEqual(
    steps.map(({ step }) => step),
    Array.from({ length: 210 }, (_, i) => i + 1),
  )
  t.deepEqual(
    steps.slice(5, 8).map(({ batch, examples }) => [batch, examples]),
    [
      [6, 96],
      [7, 100],
      [1, 16],
    ],
  )
  const { validation: scores, accuracy } = history.at(-1)!
  t.true(scores!.accuracy! > 0.95, `accuracy ${scores!.accuracy}`)
  t.true(history.at(-1)!.loss < 0.5 * history[0]!.loss)
  t.true(accuracy! > 0.8)
  t.true(steps.every(({ learningRate }) => learningRate > 0))
  t.true(net.training, 'left in training mode')
})

test('scores are means over examples, in evaluation mode', async (t) => {
  const { loader, dataset, trainer, net } = ringRun()
  const one = await trainer.evaluate(new DataLoader(dataset, { batchSize: 100 }))
  const ragged = await trainer.evaluate(new DataLoader(dataset, { batchSize: 32 }))
  t.true(Math.abs(one.loss - ragged.loss) < 1e-6)
  t.true(Math.abs(one.accuracy! - ragged.accuracy!) < 1e-6)
  net.eval()
  const { x, y } = dataset.batch(Int32Array.from({ length: 100 }, (_, i) => i))
  const output = (await noGrad(() => net.forward(x)).toArray()) as number[][]
  const right = output.filter(([a, b], i) => Number(b! > a!) === i % 2).length
  t.true(Math.abs(one.accuracy! - right / 100) < 1e-6)
  t.false(net.training)
  await trainer.evaluate(loader)
  t.false(net.training, 'the mode is what it was')
  // Compiled, a product may add up in another order.
  const predicted = (await (await trainer.predict(x)).toArray()) as number[][]
  for (const [i, row] of predicted.entries()) {
    for (const [j, value] of row.entries()) t.true(Math.abs(value - output[i]![j]!) < 1e-6, `${i}, ${j}`)
  }
  y.dispose()
})

test('frozen batch normalisation stays in evaluation mode through evaluate', async (t) => {
  const net = new nn.Sequential(new nn.BatchNorm1d(2), new nn.Linear(2, 2))
  net.train()
  net.modules()[1]!.training = false
  const trainer = new Trainer(net, {
    optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
    loss: functional.crossEntropy,
  })
  await trainer.evaluate(new DataLoader(rings(10), { batchSize: 5 }))
  t.deepEqual(
    net.modules().map(({ training }) => training),
    [true, false, true],
  )
})

test('own metrics, and none for targets that are no classes', async (t) => {
  const x = tensor([[1], [2], [3]])
  const y = tensor([[2], [4], [6]])
  const net = new nn.Linear(1, 1)
  const make = (metrics?: Record<string, train.Metric>) =>
    new Trainer(net, {
      optimizer: new optim.SGD(net.parameters(), { lr: 0.01 }),
      loss: functional.mseLoss,
      ...(metrics && { metrics }),
    })
  const loader = new DataLoader(new TensorDataset(x, y), { batchSize: 2 })
  t.deepEqual((await make().evaluate(loader)).metrics, {})
  const scores = await make({ distance: (output, target) => output.sub(target).abs().mean() }).evaluate(loader)
  t.deepEqual(Object.keys(scores.metrics), ['distance'])
  t.true(scores.metrics.distance! > 0)
  t.is(scores.accuracy, undefined)
})

test('a network of several outputs: GoogLeNet with its auxiliary classifiers', async (t) => {
  manualSeed(5)
  const net = models.googlenet({ numClasses: 2, width: 0.125 })
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.02, momentum: 0.9 })
  const trainer = new Trainer(net, { optimizer, loss: models.googlenetLoss })
  const loader = new DataLoader(new TensorDataset(randn([6, 3, 32, 32]), randint(0, 2, [6])), { batchSize: 6 })
  const [first] = await trainer.fit(loader, { epochs: 1, validation: loader })
  t.true(first!.loss > 1, 'the auxiliary losses are a part of it')
  t.is(typeof first!.accuracy, 'number')
  t.is(typeof first!.validation!.accuracy, 'number')
  const output = await trainer.predict(randn([1, 3, 32, 32]))
  t.true(output instanceof Tensor)
  const history = await trainer.fit(loader, { epochs: 20 })
  t.true(history.at(-1)!.loss < first!.loss / 2)
})

test('a device: the network and batches from elsewhere move there', async (t) => {
  const { net, loader } = ringRun()
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  const trainer = new Trainer(net, { optimizer, loss: functional.crossEntropy, device: 'reference' })
  const [record] = await trainer.fit(loader, { epochs: 1, validation: loader })
  t.is(net.parameters()[0]!.device, 'reference')
  t.true(record!.validation!.loss > 0)
  const output = await trainer.predict(tensor([[1, 2]], { device: 'cpu' }))
  t.is(output.device, 'reference')
})

test('a schedule by epoch is told the loss', async (t) => {
  const { loader, optimizer, net } = ringRun()
  optimizer.lr = 0.001
  const scheduler = new optim.ReduceLROnPlateau(optimizer, { mode: 'max', patience: 0, factor: 0.5 })
  const trainer = new Trainer(net, { optimizer, scheduler, loss: functional.crossEntropy })
  const history = await trainer.fit(loader, { epochs: 3 })
  t.deepEqual(
    history.map(({ learningRate }) => learningRate),
    [0.001, 0.001, 0.0005],
  )
})

test('a loss that is no number is reported and never the best', async (t) => {
  const net = new nn.Linear(2, 2)
  const trainer = new Trainer(net, {
    optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
    loss: (output) => output.sum().mul(Number.NaN),
  })
  const file = inFolder('nan.safetensors')
  const [record] = await trainer.fit(new DataLoader(rings(4), { batchSize: 2 }), { epochs: 1, checkpoint: file })
  t.true(Number.isNaN(record!.loss))
  t.false(record!.isBest)
  await trainer.loadCheckpoint(file)
  t.true(Number.isNaN(trainer.history[0]!.loss), 'also from a checkpoint')
})

// ---- stopping ---------------------------------------------------------------------------------------------------------

test('an abort ends the fit between steps and leaves the network usable', async (t) => {
  const { loader, trainer } = ringRun()
  const controller = new AbortController()
  const reason = new Error('stop')
  let steps = 0
  const fitting = trainer.fit(loader, {
    epochs: 1000,
    signal: controller.signal,
    onStep: () => ++steps === 16 && controller.abort(reason),
  })
  t.is(await t.throwsAsync(fitting), reason)
  t.true(steps >= 16 && steps < 21)
  t.is(trainer.epoch, 2)
  t.true((await trainer.evaluate(loader)).loss > 0)
  const signal = AbortSignal.abort(reason)
  t.is(await t.throwsAsync(trainer.fit(loader, { epochs: 3, signal })), reason)
  t.is(await t.throwsAsync(trainer.evaluate(loader, { signal })), reason)
  await trainer.fit(loader, { epochs: 3 })
  t.is(trainer.epoch, 3)
})

test('an abort does not wait for a batch that never comes', async (t) => {
  const { trainer } = ringRun()
  const never: train.BatchSource = {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
  }
  const controller = new AbortController()
  setTimeout(() => controller.abort(new Error('too long')), 30)
  await t.throwsAsync(trainer.fit(never, { epochs: 1, signal: controller.signal }), { message: 'too long' })
})

test('errors of the loader, the loss and the watchers end the fit', async (t) => {
  const { loader, net, optimizer, trainer } = ringRun()
  async function* broken() {
    yield* []
    throw new RangeError('no more pictures')
  }
  await t.throwsAsync(trainer.fit(broken(), { epochs: 1 }), { instanceOf: RangeError })
  const wrong = new Trainer(net, {
    optimizer,
    loss: () => {
      throw new TypeError('no loss')
    },
  })
  await t.throwsAsync(wrong.fit(loader, { epochs: 1 }), { instanceOf: TypeError })
  let ended = 0
  const onEpoch = () => Promise.reject(new Error('disk full'))
  const watched = new Trainer(net, {
    optimizer,
    loss: functional.crossEntropy,
    callbacks: [{ onEpoch, onFitEnd: () => ended++ }],
  })
  await t.throwsAsync(watched.fit(loader, { epochs: 1 }), { message: 'disk full' })
  t.is(ended, 1)
})

test('a fit that failed says why, whatever its callbacks do at its end, and tells them all', async (t) => {
  const { loader, net, optimizer } = ringRun()
  const fails = (message: string) => () => {
    throw new Error(message)
  }
  let ended = 0
  const callbacks = [{ onStep: fails('first'), onFitEnd: fails('second') }, { onFitEnd: () => ended++ }]
  const trainer = new Trainer(net, { optimizer, loss: functional.crossEntropy, callbacks })
  await t.throwsAsync(trainer.fit(loader, { epochs: 1 }), { message: 'first' })
  t.is(ended, 1)
  const atEnd = [{ onFitEnd: fails('second') }]
  const other = new Trainer(net, { optimizer, loss: functional.crossEntropy, callbacks: atEnd })
  await t.throwsAsync(other.fit(loader, { epochs: 1 }), { message: 'second' })
})

test('callbacks that return promises are waited for, one after another', async (t) => {
  const { loader, net, optimizer } = ringRun()
  let running = 0
  const steps: number[] = []
  const onStep = async ({ step }: { step: number }) => {
    t.is(++running, 1)
    await new Promise((resolve) => setTimeout(resolve, 2))
    steps.push(step)
    running--
  }
  const options = { optimizer, loss: functional.crossEntropy, callbacks: [{ onStep }] }
  await new Trainer(net, options).fit(loader, { epochs: 1 })
  t.deepEqual(
    steps,
    Array.from({ length: loader.length }, (_, i) => i + 1),
  )
  const failing = { onFitEnd: () => Promise.reject(new Error('too late')) }
  const other = new Trainer(net, { ...options, callbacks: [failing] })
  await t.throwsAsync(other.fit(loader, { epochs: 1 }), { message: 'too late' })
})

test('wrong arguments', async (t) => {
  const { loader, net, optimizer, trainer } = ringRun()
  for (const epochs of [0, -1, 1.5, Number.NaN]) {
    await t.throwsAsync(trainer.fit(loader, { epochs }), {
      instanceOf: ValueError,
      message: /expected an integer from 1 on/,
    })
  }
  t.throws(() => new Trainer(net, { optimizer, loss: functional.crossEntropy, stepsInFlight: 0 }), {
    instanceOf: ValueError,
  })
  t.throws(() => new Trainer(net, { optimizer, loss: functional.crossEntropy, autocast: 'float64' as never }), {
    instanceOf: DTypeError,
    message: /autocast is a string \('float64'\)/,
  })
  const first = trainer.fit(loader, { epochs: 1 })
  await t.throwsAsync(trainer.fit(loader, { epochs: 1 }), { instanceOf: ValueError, message: /is fitting already/ })
  await first
  const checkpoint = { best: inFolder('x.safetensors'), monitor: 'beauty' }
  await t.throwsAsync(trainer.fit(loader, { epochs: 2, checkpoint }), {
    message: /'beauty', expected one of loss, accuracy/,
  })
})

// ---- checkpoints ------------------------------------------------------------------------------------------------------

test('a resumed run equals one that never stopped, bit for bit', async (t) => {
  const whole = ringRun()
  await whole.trainer.fit(whole.loader, { epochs: 6 })
  const expected = await valuesOf(whole.net)

  const file = inFolder('resume.safetensors')
  const first = ringRun()
  await first.trainer.fit(first.loader, { epochs: 3, checkpoint: file })

  const second = ringRun()
  manualSeed(999) // the checkpoint brings its own
  await second.trainer.loadCheckpoint(file)
  t.is(second.trainer.epoch, 3)
  t.deepEqual(second.trainer.history, first.trainer.history)
  await second.trainer.fit(second.loader, { epochs: 6 })
  t.deepEqual(await valuesOf(second.net), expected)
  const losses = (history: readonly train.EpochRecord[]) =>
    history.map(({ loss, accuracy, learningRate }) => [loss, accuracy, learningRate])
  t.deepEqual(losses(second.trainer.history), losses(whole.trainer.history))
  t.deepEqual(await second.trainer.fit(second.loader, { epochs: 6 }), second.trainer.history, 'nothing is left to do')
})

for (const half of ['bfloat16', 'float16'] as const) {
  test(`mixed precision in ${half}: learns as in float32, keeps float32 parameters, and resumes bit for bit`, async (t) => {
    const plain = ringRun(12)
    const wanted = (await plain.trainer.fit(plain.loader, { epochs: 12 })).at(-1)!
    const whole = ringRun(12, half)
    const history = await whole.trainer.fit(whole.loader, { epochs: 12 })
    t.true(
      Math.abs(history.at(-1)!.loss - wanted.loss) < 0.05 * history[0]!.loss,
      `${history.at(-1)!.loss}, ${wanted.loss}`,
    )
    t.true([...whole.net.parameters()].every(({ dtype }) => dtype === 'float32'))
    t.is((await whole.trainer.predict(randn([3, 2]))).dtype, half)

    const file = inFolder(`${half}.safetensors`)
    const first = ringRun(12, half)
    await first.trainer.fit(first.loader, { epochs: 5, checkpoint: file })
    const second = ringRun(12, half)
    await second.trainer.loadCheckpoint(file)
    await second.trainer.fit(second.loader, { epochs: 12 })
    t.deepEqual(await valuesOf(second.net), await valuesOf(whole.net))
  })
}

test('float16: a step whose gradients overflow is left out, and the scale is kept by checkpoints', async (t) => {
  // The first scale, 2 ** 16, times a slope of 2 ** 6 is beyond float16; the eighth, 2 ** 9, is not.
  const net = new nn.Sequential(new nn.Linear(2, 2))
  const before = await valuesOf(net)
  const optimizer = new optim.SGD(net.parameters(), { lr: 2 ** -6 })
  const loss = (y: Tensor) => y.sum().mul(2 ** 6)
  const trainer = new Trainer(net, { optimizer, loss, autocast: 'float16', metrics: {} })
  const batch = async function* () {
    yield { x: tensor([[1, 1]]), y: tensor([0]) }
  }
  const source = { [Symbol.asyncIterator]: batch }
  const file = inFolder('scaled.safetensors')
  await trainer.fit(source, { epochs: 3, checkpoint: file })
  t.deepEqual(await valuesOf(net), before)
  const { state } = await readSafetensorsMetadata(file)
  t.like(JSON.parse(state!), { loop: { gradScaler: { scale: 2 ** 13, growthTracker: 0 } } })
  await trainer.fit(source, { epochs: 12 })
  t.notDeepEqual(await valuesOf(net), before)
})

test('the best epoch has a checkpoint of its own', async (t) => {
  const { dataset, loader, trainer } = ringRun()
  const checkpoint = { last: inFolder('last.safetensors'), best: inFolder('best.safetensors'), monitor: 'accuracy' }
  const history = await trainer.fit(loader, {
    epochs: 5,
    validation: new DataLoader(dataset, { batchSize: 50 }),
    checkpoint,
  })
  const best = Math.max(...history.map(({ validation }) => validation!.accuracy!))
  t.is(trainer.best!.value, best)
  t.is(history[trainer.best!.epoch]!.validation!.accuracy, best)
  t.is(history.filter(({ isBest }) => isBest).at(-1)!.epoch, trainer.best!.epoch)
  const other = ringRun()
  await other.trainer.loadCheckpoint(checkpoint.best)
  t.is(other.trainer.epoch, trainer.best!.epoch + 1)
  t.is((await other.trainer.evaluate(new DataLoader(dataset, { batchSize: 50 }))).accuracy, best)
})

test('a checkpoint is a plain file: weights under model.', async (t) => {
  const { loader, trainer, net } = ringRun()
  const file = inFolder('plain.safetensors')
  await trainer.fit(loader, { epochs: 1, checkpoint: file })
  const loaded = await loadSafetensors(file)
  for (const [name, values] of Object.entries(await valuesOf(net))) {
    t.deepEqual([...(await loaded[`model.${name}`]!.data())], values)
  }
})

async function damaged(t: ExecutionContext, change: (metadata: Record<string, string>) => void): Promise<string> {
  const { loader, trainer } = ringRun()
  const file = inFolder(`damaged ${t.title}.safetensors`)
  await trainer.fit(loader, { epochs: 1, checkpoint: file })
  const { metadata } = await readSafetensors(file)
  const changed = { ...metadata }
  change(changed)
  await saveSafetensors(file, await loadSafetensors(file), { metadata: changed })
  return file
}

const wrongStates: readonly [string, (metadata: Record<string, string>) => void, RegExp][] = [
  ['no format', (metadata) => delete metadata.format, /is no checkpoint of a Trainer, expected the format/],
  ['another format', (metadata) => (metadata.format = 'other 7'), /its format is "other 7"/],
  ['no state', (metadata) => delete metadata.state, /not valid JSON/],
  ['cut state', (metadata) => (metadata.state = metadata.state!.slice(0, 40)), /not valid JSON/],
  ['state that is null', (metadata) => (metadata.state = 'null'), /lacks parts/],
  [
    'state without groups',
    (metadata) => (metadata.state = metadata.state!.replace('paramGroups', 'groups')),
    /lacks parts/,
  ],
  [
    'state without a step',
    (metadata) => (metadata.state = metadata.state!.replace('"steps":{"0"', '"steps":{"77"')),
    /came a tensor "optimizer\.0\./,
  ],
]
for (const [name, change, message] of wrongStates) {
  test(`refuses a checkpoint with ${name}`, async (t) => {
    const file = await damaged(t, change)
    const { trainer, net } = ringRun()
    const before = await valuesOf(net)
    await t.throwsAsync(trainer.loadCheckpoint(file), { instanceOf: FormatError, message })
    t.deepEqual(await valuesOf(net), before, 'nothing was changed')
  })
}

test('refuses a checkpoint of another network, or without the scheduler', async (t) => {
  const file = inFolder('other.safetensors')
  const net = new nn.Linear(3, 3)
  const optimizer = new optim.Adam(net.parameters())
  await new Trainer(net, { optimizer, loss: functional.mseLoss }).saveCheckpoint(file)
  await t.throwsAsync(ringRun().trainer.loadCheckpoint(file), { instanceOf: ValueError, message: /no scheduler/ })
  const { net: rings, optimizer: own } = ringRun()
  const trainer = new Trainer(rings, { optimizer: own, loss: functional.crossEntropy })
  await t.throwsAsync(trainer.loadCheckpoint(file), {
    instanceOf: ValueError,
    message: /names are not those of Sequential/,
  })
})

// ---- progress ---------------------------------------------------------------------------------------------------------

function captured(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  let text = ''
  const stream = new PassThrough() as unknown as NodeJS.WriteStream
  stream.on('data', (chunk) => (text += chunk))
  Object.assign(stream, { isTTY, columns: 120, cursorTo() {}, clearLine() {}, moveCursor() {} })
  return { stream, text: () => text }
}

test('progress: plain lines where there is no terminal', async (t) => {
  const { loader, net, optimizer } = ringRun()
  const { stream, text } = captured(false)
  const trainer = new Trainer(net, {
    optimizer,
    loss: functional.crossEntropy,
    callbacks: [train.progressBar({ stream, interval: 0 })],
  })
  await trainer.fit(loader, { epochs: 2, validation: loader })
  t.regex(text(), /^epoch 1\/2 batch 1\/7 · loss \d\.\d{4} · accuracy [\d.]+ % · \d+ images\/s · .* left$/m)
  t.regex(text(), /^epoch 2\/2 · loss .* · accuracy .* · validation loss .* · accuracy .* s \(\d+ images\/s\)$/m)
  t.false(text().includes('\u001b'), 'no control characters')
})

test('progress: a bar on a terminal', async (t) => {
  const { loader, net, optimizer } = ringRun()
  const { stream, text } = captured(true)
  const trainer = new Trainer(net, {
    optimizer,
    loss: functional.crossEntropy,
    callbacks: [train.progressBar({ stream })],
  })
  await trainer.fit(loader, { epochs: 2 })
  t.regex(text(), /epoch 1\/2 .*[━─]/)
  t.regex(text(), /^.*epoch 2\/2 · loss /m)
})
