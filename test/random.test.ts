// Random numbers: Philox against its published vectors, the same numbers on every device, and their distributions.
import test from 'ava'
import {
  functional,
  getRandomState,
  manualSeed,
  ones,
  rand,
  randint,
  randn,
  randperm,
  setRandomState,
  type Tensor,
  tidy,
} from '../lib/index.js'
import { native } from '../lib/native.js'
import type { DeviceName } from '../types/dtype.js'
import { testedDevices } from './support/devices.js'

const names = testedDevices().map((device) => device.name)

type Block = [number, number, number, number]

/** Philox4x32-10, written from the paper (Salmon et al., SC 2011) for this test alone. */
function philox(counter: Block, key: [number, number]): Block {
  let [a, b, c, d] = counter.map(BigInt) as [bigint, bigint, bigint, bigint]
  let [k0, k1] = key.map(BigInt) as [bigint, bigint]
  const low = 0xffffffffn
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * a
    const p1 = 0xcd9e8d57n * c
    ;[a, b, c, d] = [(p1 >> 32n) ^ b ^ k0, p1 & low, (p0 >> 32n) ^ d ^ k1, p0 & low]
    k0 = (k0 + 0x9e3779b9n) & low
    k1 = (k1 + 0xbb67ae85n) & low
  }
  return [Number(a), Number(b), Number(c), Number(d)]
}

/** From kat_vectors of the authors' Random123: counter, key, result. */
const vectors: [Block, [number, number], Block][] = [
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
]

/** What `rand` must give for a seed and an offset. */
function uniforms(seed: number, offset: number, n: number): number[] {
  const halves = (value: number): [number, number] => [value % 2 ** 32, Math.floor(value / 2 ** 32)]
  const blocks = Array.from({ length: Math.ceil(n / 4) }, (_, i) => philox([i, 0, ...halves(offset)], halves(seed)))
  return blocks
    .flat()
    .slice(0, n)
    .map((word) => (word >>> 8) / 0x1000000)
}

function uniformOf(device: DeviceName, seed: number, offset: number, n: number): number[] {
  const handle = native.ops.uniform(device, [n], 'float32', 0, 1, seed, offset)
  const values = [...new Float32Array(native.readSync(handle))]
  native.dispose(handle)
  return values
}

test('the generator of this test gives the published vectors', (t) => {
  for (const [counter, key, expected] of vectors) t.deepEqual(philox(counter, key), expected)
})

test('every device gives the numbers of Philox, for small and large seeds and offsets', (t) => {
  for (const device of names) {
    for (const [seed, offset] of [
      [0, 0],
      [7, 3],
      [0x299f31d0, 2 ** 32 + 5],
      [Number.MAX_SAFE_INTEGER, 2 ** 40 + 1],
    ] as const) {
      t.deepEqual(uniformOf(device, seed, offset, 103), uniforms(seed, offset, 103), `${device} ${seed} ${offset}`)
    }
  }
})

test('a negative seed is a seed too', (t) => {
  const [first, ...others] = names.map((device) => uniformOf(device, -1, 0, 9))
  for (const other of others) t.deepEqual(other, first)
  t.notDeepEqual(first, uniformOf('reference', 1, 0, 9))
})

const makers: { [name: string]: (device: DeviceName) => Tensor } = {
  rand: (device) => rand([5, 7], { device }),
  'rand in an interval': (device) => rand([33], { device, low: -3, high: 5 }),
  randn: (device) => randn([5, 7], { device }),
  'randn with mean and deviation': (device) => randn([33], { device, mean: 2, std: 0.5 }),
  'randn of one number': (device) => randn([], { device }),
  randperm: (device) => randperm(50, { device }),
  randint: (device) => randint(-2, 9, [40], { device }),
  dropout: (device) => functional.dropout(ones([6, 7], { device }), { p: 0.4, training: true }),
  dropout2d: (device) => functional.dropout2d(ones([3, 5, 2, 2], { device }), { p: 0.4, training: true }),
}

for (const [name, make] of Object.entries(makers)) {
  test(`${name}: the same seed gives the same numbers on every device, the next call others`, (t) => {
    const runs = names.map((device) =>
      tidy(() => {
        manualSeed(123)
        return [make(device), make(device)].map((x) => [...x.dataSync()])
      }),
    )
    const [expected] = runs
    for (const run of runs) t.deepEqual(run, expected)
    t.notDeepEqual(expected![0], expected![1])
  })
}

test('the random state can be kept and set back', (t) => {
  manualSeed(5)
  rand([3]).dispose()
  const state = getRandomState()
  const draw = () => tidy(() => [...rand([3]).dataSync()])
  const first = draw()
  t.notDeepEqual(draw(), first)
  setRandomState(state)
  t.deepEqual(draw(), first)
})

function moments(values: ArrayLike<number>): { mean: number; variance: number; skew: number; kurtosis: number } {
  const all = Array.from(values)
  const average = (fn: (x: number) => number) => all.reduce((sum, x) => sum + fn(x), 0) / all.length
  const mean = average((x) => x)
  const variance = average((x) => (x - mean) ** 2)
  const standard = (power: number) => average((x) => ((x - mean) / Math.sqrt(variance)) ** power)
  return { mean, variance, skew: standard(3), kurtosis: standard(4) }
}

// Bounds are five standard errors of n = 100,000 samples.
const n = 100_000
const error = (deviation: number) => (5 * deviation) / Math.sqrt(n)

test('uniform numbers have the moments of the uniform distribution', (t) => {
  for (const device of names) {
    manualSeed(11)
    const values = tidy(() => rand([n], { device }).dataSync())
    const { mean, variance, skew } = moments(values)
    t.true(Math.abs(mean - 0.5) < error(Math.sqrt(1 / 12)), `mean ${mean}`)
    t.true(Math.abs(variance - 1 / 12) < error(Math.sqrt(1 / 180)), `variance ${variance}`)
    t.true(Math.abs(skew) < 0.03, `skew ${skew}`)
    t.true(values.every((x) => x >= 0 && x < 1))
  }
})

test('normal numbers have the moments and tails of the normal distribution', (t) => {
  for (const device of names) {
    manualSeed(12)
    const values = tidy(() => randn([n], { device }).dataSync()) as Float32Array
    const { mean, variance, skew, kurtosis } = moments(values)
    t.true(Math.abs(mean) < error(1), `mean ${mean}`)
    t.true(Math.abs(variance - 1) < error(Math.SQRT2), `variance ${variance}`)
    t.true(Math.abs(skew) < error(Math.sqrt(6)), `skew ${skew}`)
    t.true(Math.abs(kurtosis - 3) < error(Math.sqrt(24)), `kurtosis ${kurtosis}`)
    const beyond = values.filter((x) => Math.abs(x) > 2).length / n
    t.true(Math.abs(beyond - 0.0455) < error(Math.sqrt(0.0455 * 0.9545)), `beyond 2: ${beyond}`)
    t.true(values.every(Number.isFinite))
  }
})

test('a permutation holds every number once, and no place is preferred', (t) => {
  for (const device of names) {
    for (const size of [0, 1, 2, 17, 1000]) {
      const values = tidy(() => [...randperm(size, { device }).dataSync()])
      t.deepEqual(
        values.toSorted((a, b) => a - b),
        Array.from({ length: size }, (_, i) => i),
      )
    }
    const counts = new Array<number>(5).fill(0)
    manualSeed(13)
    for (let i = 0; i < 2000; i++) counts[tidy(() => randperm(5, { device }).dataSync()[0]!)]!++
    // chi-square with 4 degrees of freedom exceeds 23.5 once in 10,000
    t.true(counts.reduce((sum, k) => sum + (k - 400) ** 2 / 400, 0) < 23.5, `${counts}`)
  }
})

test('dropout keeps the rate, scales by it, and its gradient has the same mask', (t) => {
  for (const device of names) {
    manualSeed(14)
    const [kept, scaled, sameMask] = tidy(() => {
      const x = ones([n], { device }).requiresGrad_()
      const y = functional.dropout(x, { p: 0.3, training: true })
      y.sum().backward()
      const values = y.dataSync()
      const gradient = x.grad!.dataSync()
      const nonZero = values.filter((value) => value !== 0)
      return [
        nonZero.length / n,
        nonZero.every((value) => Math.abs(value - 1 / 0.7) < 1e-6),
        gradient.every((g, i) => g === values[i]),
      ] as const
    })
    t.true(Math.abs(kept - 0.7) < error(Math.sqrt(0.21)), `${device}: kept ${kept}`)
    t.true(scaled)
    t.true(sameMask)
  }
})

test('dropout2d drops whole planes', (t) => {
  for (const device of names) {
    const planes = tidy(() => {
      const y = functional.dropout2d(ones([4, 50, 3, 3], { device }), { p: 0.5, training: true }).dataSync()
      return Array.from({ length: 200 }, (_, p) => new Set(y.slice(p * 9, p * 9 + 9)))
    })
    t.true(planes.every((values) => values.size === 1))
    const dropped = planes.filter((values) => values.has(0)).length
    t.true(dropped > 60 && dropped < 140, `${dropped} of 200`)
  }
})
