// The event loop is never blocked by compute: while a long chain of convolutions is computed, timers keep firing.
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import test from 'ava'
import { functional, randn, synchronize, type Tensor, tidy } from '../lib/index.js'
import type { DeviceName } from '../types/dtype.js'
import { testedDevices } from './support/devices.js'

const names = testedDevices().map((device) => device.name)

/** Queues a chain of `length` convolutions and returns its end. */
function chain(x: Tensor, weight: Tensor, length: number): Tensor {
  return tidy(() => {
    let y = x
    for (let i = 0; i < length; i++) y = functional.conv2d(y, weight, null, { padding: 1 })
    return y
  })
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** Input and weight of a convolution, and how many of them take about 1.5 seconds. */
async function prepare(device: DeviceName) {
  // Much work on little memory, so that it is the device that is busy and not the queueing.
  const channels = device === 'reference' ? 128 : 512
  const x = randn([1, channels, 16, 16], { device, std: 0.01 })
  const weight = randn([channels, channels, 3, 3], { device, std: 0.01 })
  const once = async (length: number) => {
    const y = chain(x, weight, length)
    await y.data()
    y.dispose()
  }
  await once(1)
  const length = Math.max(2, Math.ceil((1500 * 2) / (await timed(() => once(2)))))
  return { x, weight, length }
}

for (const device of names) {
  test.serial(`${device}: timers keep firing while it computes`, async (t) => {
    const { x, weight, length } = await prepare(device)
    let ticks = 0
    const timer = setInterval(() => ticks++, 10)
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    const start = performance.now()
    const y = chain(x, weight, length)
    const queued = performance.now() - start
    await y.data()
    const elapsed = performance.now() - start
    delay.disable()
    clearInterval(timer)
    t.true(elapsed > 700, `the chain took ${elapsed} ms only`)
    t.true(queued < elapsed / 4, `queueing took ${queued} ms of ${elapsed} ms`)
    t.true(ticks > elapsed / 10 / 2, `${ticks} ticks of 10 ms in ${elapsed} ms`)
    t.true(delay.percentile(99) / 1e6 < 100, `the 99th percentile of the delay is ${delay.percentile(99) / 1e6} ms`)
    for (const each of [x, weight, y]) each.dispose()
  })

  test.serial(`${device}: several reads may be under way, and settle in the order of the queue`, async (t) => {
    const x = randn([1000], { device })
    const order: number[] = []
    const tensors = Array.from({ length: 20 }, (_, i) => x.add(i))
    await Promise.all(tensors.map((y, i) => y.data().then(() => order.push(i))))
    t.deepEqual(
      order,
      tensors.map((_, i) => i),
    )
    for (const each of [x, ...tensors]) each.dispose()
  })

  test.serial(`${device}: a pending read keeps the process and its values alive after dispose`, async (t) => {
    const x = randn([1000], { device })
    const y = x.mul(0).add(3)
    const reading = y.data()
    y.dispose()
    x.dispose()
    for (let i = 0; i < 20; i++) randn([1000], { device }).dispose()
    t.true((await reading).every((value) => value === 3))
  })
}

test.serial('waiting for one short op after another lets the event loop turn meanwhile', async (t) => {
  const x = randn([40_000], { device: 'cpu' })
  let [waits, atLastTurn, most, isOver] = [0, 0, 0, false]
  const turn = () => {
    most = Math.max(most, waits - atLastTurn)
    atLastTurn = waits
    if (!isOver) setImmediate(turn)
  }
  turn()
  for (; waits < 3000; waits++) {
    x.add(1).dispose()
    await (waits % 2 ? synchronize('cpu') : x.data())
  }
  isOver = true
  turn()
  t.true(most <= 300, `${most} waits without a turn`) // it turns once a millisecond, and a wait takes some microseconds at least
  x.dispose()
})

test.serial('the queue is bounded: a program that never waits does not pile up work without end', async (t) => {
  const x = randn([64, 64], { device: 'reference' })
  const start = performance.now()
  for (let i = 0; i < 30_000; i++) x.mul(1).dispose()
  const queued = performance.now() - start
  await synchronize('reference')
  const total = performance.now() - start
  await wait(1)
  // 30,000 ops are more than three times what the queue takes: most of the time was spent waiting for room.
  t.true(queued > total / 3, `queued in ${queued} ms of ${total} ms`)
  x.dispose()
})
