// How late a 10 ms timer fires while steps of the CIFAR-10 network at batch 256 (about a second of work queued) compute.
import { functional, manualSeed, optim, randint, randn, synchronize, tidy } from '../lib/index.js'
import { workloads } from './nets.js'
import { median, quantile } from './statistics.js'

/** Milliseconds. */
export interface Lateness {
  median: number
  p95: number
  count: number
}

export async function timerLateness(rounds = 5): Promise<Lateness> {
  const { make, shape, classes } = workloads.cifar as (typeof workloads)[string]
  manualSeed(0)
  const net = make()
  const x = randn([256, ...shape])
  const target = randint(0, classes ?? 1, [256])
  const optimizer = new optim.SGD(net.parameters(), { lr: 1e-4 })
  const step = (): void =>
    tidy(() => {
      optimizer.zeroGrad()
      functional.crossEntropy(net.forward(x), target).backward()
      optimizer.step()
    })
  step()
  await synchronize()

  const late: number[] = []
  let due = performance.now() + 10
  const tick = (): void => {
    late.push(Math.max(0, performance.now() - due))
    due = performance.now() + 10
    timer = setTimeout(tick, 10)
  }
  let timer = setTimeout(tick, 10)
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 8; i++) step()
    await synchronize()
  }
  clearTimeout(timer)
  for (const each of [...net.parameters(), x, target]) each.dispose()
  return { median: median(late), p95: quantile(late, 0.95), count: late.length }
}
