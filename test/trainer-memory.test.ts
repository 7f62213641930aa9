// Trainer: it keeps memory flat, leaves the event loop free, and nothing behind.
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import ava from 'ava'
import { data, functional, memory, nn, optim, synchronize, tensor, train } from '../lib/index.js'
import { heldBytes, tellsHeap } from './support/heap.js'
import { ringRun } from './support/rings.js'

setFlagsFromString('--expose-gc')
setFlagsFromString('--no-opt') // code that the compiler optimises late would look like a leak
const collectGarbage = runInNewContext('gc') as () => void
/** One after another: they measure memory and time. */
const test = ava.serial
const { DataLoader, TensorDataset } = data
const { Trainer } = train

test('10,000 steps hold memory flat', async (t) => {
  const net = new nn.Sequential(
    new nn.Conv2d(1, 4, 3, { padding: 1 }),
    new nn.BatchNorm2d(4),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(4 * 4 * 4, 3),
  )
  const dataset = new TensorDataset(
    tensor(
      Uint8Array.from({ length: 1000 * 64 }, (_, i) => (i * 37) % 256),
      { shape: [1000, 1, 8, 8] },
    ),
    tensor(Int32Array.from({ length: 1000 }, (_, i) => i % 3)),
    { scale: 1 / 255 },
  )
  const optimizer = new optim.Adam(net.parameters())
  const trainer = new Trainer(net, { optimizer, loss: functional.crossEntropy })
  // 125 steps an epoch. The first 48 epochs compile and size the heap of JavaScript; 80 more are 10,000 steps.
  const loader = new DataLoader(dataset, { batchSize: 8, shuffle: true })
  await trainer.fit(loader, { epochs: 48 })
  const live: number[] = []
  const held: number[] = []
  for (let epochs = 56; epochs <= 128; epochs += 8) {
    await trainer.fit(loader, { epochs })
    live.push(memory().live)
    held.push(await restingBytes())
  }
  t.is(trainer.step, 16_000)
  if (!tellsHeap) t.log('skipped: the bytes from malloc, which this C library does not tell')
  for (const [figure, values] of Object.entries({ live, held })) {
    t.log(`${figure}: ${values.join(' ')}`)
    t.true(values.at(-1)! <= 1.02 * values[0]!)
  }
})

/** What is held when nothing is under way: garbage collected, the queue empty, the compiler's threads given time to end. */
async function restingBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let look = 0; look < 5; look++) {
    await synchronize()
    await sleep(10)
    collectGarbage()
    least = Math.min(least, heldBytes())
  }
  return least
}

test('timers fire while long steps compute', async (t) => {
  const net = new nn.Sequential(
    new nn.Conv2d(16, 64, 3, { padding: 1 }),
    new nn.Conv2d(64, 64, 3, { padding: 1 }),
    new nn.Flatten(),
    new nn.Linear(64 * 32 * 32, 2),
  )
  const dataset = new TensorDataset(
    tensor(new Float32Array(64 * 16 * 1024), { shape: [64, 16, 32, 32] }),
    tensor(new Int32Array(64)),
  )
  const trainer = new Trainer(net, {
    optimizer: new optim.SGD(net.parameters(), { lr: 0.01 }),
    loss: functional.crossEntropy,
  })
  const loader = new DataLoader(dataset, { batchSize: 32 })
  await trainer.fit(loader, { epochs: 3 }) // the first steps make a plan, take memory for it, and are recorded where the device repeats them
  const gaps: number[] = []
  let last = performance.now()
  const timer = setInterval(() => {
    gaps.push(performance.now() - last)
    last = performance.now()
  }, 5)
  const start = performance.now()
  try {
    await trainer.fit(loader, { epochs: 5 })
  } finally {
    clearInterval(timer)
  }
  const seconds = (performance.now() - start) / 1000
  const longest = Math.max(...gaps)
  t.log(`4 steps in ${seconds.toFixed(2)} s; ${gaps.length} timers, the longest gap ${longest.toFixed(1)} ms`)
  t.true(gaps.length >= 0.25 * ((seconds * 1000) / 5), 'timers came at a quarter of their rate at least')
  t.true(longest < 1000 * Math.max(0.1, seconds / 8), 'no gap as long as half a step')
})

test('nothing stays behind after fit, evaluate, predict, an abort and an error', async (t) => {
  const { loader, dataset, trainer, net } = ringRun(12)
  const validation = new DataLoader(dataset, { batchSize: 30 })
  const learnAndLook = async (epochs: number) => {
    await trainer.fit(loader, { epochs, validation })
    await trainer.evaluate(loader)
  }
  // The optimizer's state is made, what programs compute ahead, and, a few runs later, what a device records.
  for (const epochs of [3, 5]) await learnAndLook(epochs)
  await synchronize()
  const before = memory().tensors
  await learnAndLook(7)
  const controller = new AbortController()
  const onStep = () => controller.abort(new Error('stop'))
  await t.throwsAsync(trainer.fit(loader, { epochs: 9, onStep, signal: controller.signal }), { message: 'stop' })
  await t.throwsAsync(
    trainer.fit(loader, {
      epochs: 9,
      onStep() {
        throw new Error('enough')
      },
    }),
    { message: 'enough' },
  )
  net.zeroGrad()
  await synchronize()
  const held = memory().tensors
  t.true(held <= before, `${before} blocks before, ${held} after`)
})
