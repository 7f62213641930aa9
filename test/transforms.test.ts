// Transforms of batches: what each does to every picture, how often, and that seeds decide it.
import test from 'ava'
import {
  data,
  functional,
  manualSeed,
  memory,
  nn,
  optim,
  ShapeError,
  synchronize,
  type Tensor,
  Trainer,
  tensor,
  ValueError,
} from '../lib/index.js'
import { temporaryFolder } from './support/temporary.js'

const { DataLoader, TensorDataset, transforms } = data
const inFolder = temporaryFolder()

/** Pictures [N, C, H, W] of which no two pixels are equal: n·C·H·W + …, counted from 1. */
function numbered(shape: readonly [number, number, number, number], dtype: 'float32' | 'uint8' = 'float32'): Tensor {
  const length = shape.reduce((product, size) => product * size, 1)
  return tensor(
    Float32Array.from({ length }, (_, i) => i + 1),
    { shape, dtype },
  )
}

async function use(transform: data.Transform, x: Tensor): Promise<number[]> {
  const y = transform(x)
  const values = Array.from(await y.data())
  y.dispose()
  return values
}

/** The rows [H][W] of one plane of x, reversed left to right. */
function mirror(values: readonly number[], width: number): number[] {
  return values.map((_, i) => values[i - (i % width) + width - 1 - (i % width)]!)
}

test('randomHorizontalFlip: each picture is itself or its mirror image, by its own chance', async (t) => {
  const shape = [400, 2, 2, 3] as const
  for (const p of [0, 0.25, 0.5, 1]) {
    using x = numbered(shape)
    const values = await use(transforms.randomHorizontalFlip({ p, seed: 7 }), x)
    let flips = 0
    for (let n = 0; n < 400; n++) {
      const original = Array.from({ length: 12 }, (_, i) => 12 * n + i + 1)
      const came = values.slice(12 * n, 12 * (n + 1))
      const isFlipped = came[0] !== original[0]
      t.deepEqual(came, isFlipped ? mirror(original, 3) : original)
      if (isFlipped) flips++
    }
    // Four standard deviations of a binomial distribution; none at all for the ends.
    t.true(Math.abs(flips - 400 * p) <= 4 * Math.sqrt(400 * p * (1 - p)), `p ${p}: ${flips} of 400`)
  }
})

test('randomCrop: every window is one of the padded picture, and every place comes', async (t) => {
  const [count, height, width, padding] = [600, 3, 4, 1]
  using x = numbered([count, 2, height, width])
  const values = await use(transforms.randomCrop([3, 4], { padding, seed: 2 }), x)
  const places = new Map<string, number>()
  const size = 2 * height * width
  for (let n = 0; n < count; n++) {
    const came = values.slice(n * size, (n + 1) * size)
    const cropAt = (top: number, left: number) =>
      Array.from({ length: size }, (_, i) => {
        const [c, row, column] = [Math.floor(i / 12), Math.floor((i % 12) / 4) + top - 1, (i % 4) + left - 1]
        const isInside = row >= 0 && row < height && column >= 0 && column < width
        return isInside ? n * size + c * 12 + row * 4 + column + 1 : 0
      })
    const found = [0, 1, 2].flatMap((top) =>
      [0, 1, 2].filter((left) => `${cropAt(top, left)}` === `${came}`).map((left) => `${top},${left}`),
    )
    t.is(found.length, 1, `picture ${n}`)
    places.set(found[0]!, (places.get(found[0]!) ?? 0) + 1)
  }
  t.is(places.size, 9)
  const chiSquared = [...places.values()].reduce((sum, n) => sum + (n - count / 9) ** 2 / (count / 9), 0)
  t.true(chiSquared < 26.1, `${chiSquared}: beyond the 0.1 % quantile for 8 degrees of freedom`)
})

test('randomCrop: without padding, smaller, padded by value or with what is there', async (t) => {
  using x = numbered([50, 1, 4, 5])
  const values = await use(transforms.randomCrop([2, 3], { seed: 1 }), x)
  for (let n = 0; n < 50; n++) {
    const first = values[6 * n]!
    t.deepEqual(
      values.slice(6 * n, 6 * n + 6),
      [0, 1, 2, 5, 6, 7].map((step) => first + step),
    )
    const [row, column] = [Math.floor((first - 1 - 20 * n) / 5), (first - 1) % 5]
    t.true(row >= 0 && row <= 2 && column <= 2)
  }
  using one = numbered([1, 1, 1, 1])
  const nines = await use(transforms.randomCrop(3, { padding: 1, value: 9 }), one)
  t.deepEqual(nines, [9, 9, 9, 9, 1, 9, 9, 9, 9])
  t.deepEqual(await use(transforms.randomCrop(3, { padding: 1, paddingMode: 'replicate' }), one), Array(9).fill(1))
})

test('toFloat and normalize: bytes to numbers by channel', async (t) => {
  using x = numbered([2, 3, 2, 2], 'uint8')
  const [mean, std] = [
    [0.1, 0.2, 0.3],
    [0.5, 0.25, 2],
  ]
  const values = await use(transforms.compose(transforms.toFloat(), transforms.normalize(mean, std)), x)
  for (const [i, value] of values.entries()) {
    const c = Math.floor(i / 4) % 3
    t.true(Math.abs(value - ((i + 1) / 255 - mean[c]!) / std[c]!) < 1e-6)
  }
})

test('bytes can be flipped and cropped', async (t) => {
  using x = numbered([2, 1, 2, 3], 'uint8')
  const flip = transforms.randomHorizontalFlip({ p: 1 })
  const y = flip(x)
  t.is(y.dtype, 'uint8')
  y.dispose()
  t.deepEqual(await use(flip, x), [3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10])
  const cropped = transforms.randomCrop([2, 3])(x)
  t.is(cropped.dtype, 'uint8')
  t.deepEqual(Array.from(await cropped.data()), Array.from(await x.data()))
  cropped.dispose()
})

test.serial('seeds: own ones, and those of the session', async (t) => {
  using x = numbered([64, 1, 4, 4])
  const both = (options: data.RandomOptions) =>
    transforms.compose(transforms.randomCrop(4, { padding: 2, ...options }), transforms.randomHorizontalFlip(options))
  const twice = async (transform: data.Transform) => [await use(transform, x), await use(transform, x)]
  const first = await twice(both({ seed: 5 }))
  t.notDeepEqual(first[0], first[1], 'the second batch gets other numbers')
  manualSeed(1)
  t.deepEqual(await twice(both({ seed: 5 })), first, 'they follow from the seed alone')
  t.notDeepEqual(await twice(both({ seed: 6 })), first)
  manualSeed(3)
  const ofSession = await twice(both({}))
  t.notDeepEqual(ofSession[0], ofSession[1])
  manualSeed(3)
  t.deepEqual(await twice(both({})), ofSession)
  manualSeed(4)
  t.notDeepEqual(await twice(both({})), ofSession)
})

test('flip and crop of one seed do not move together', async (t) => {
  const count = 500
  using x = numbered([count, 1, 1, 2])
  const flips = (await use(transforms.randomHorizontalFlip({ seed: 1 }), x)).map((value, i) => value !== i + 1)
  const crops = (await use(transforms.randomCrop(1, { seed: 1 }), x)).map((value) => value % 2 === 0)
  const same = crops.filter((isRight, n) => isRight === flips[2 * n]).length
  t.true(Math.abs(same - count / 2) < 4 * Math.sqrt(count / 4), `${same} of ${count} agree`)
})

test('transforms: wrong options and batches', (t) => {
  const { compose, normalize, randomCrop, randomHorizontalFlip } = transforms
  const options: readonly [() => unknown, RegExp][] = [
    [() => randomHorizontalFlip({ p: 1.5 }), /p is 1\.5, expected a number from 0 to 1/],
    [() => randomHorizontalFlip({ p: Number.NaN }), /p is NaN/],
    [() => randomHorizontalFlip({ seed: -1 }), /seed is -1, expected a whole number of at least 0/],
    [() => randomCrop(0), /size is 0, expected a whole number of at least 1/],
    [() => randomCrop([3, 1.5]), /size is 1\.5/],
    [() => randomCrop(3, { padding: -1 }), /padding is -1/],
    [() => normalize([0, 0], [1]), /expected one number a channel in each/],
    [() => normalize([0], [0]), /normalize: std is \[0\], expected finite numbers other than 0/],
    [() => normalize([0], [1e-60]), /std is \[1e-60\], expected finite numbers other than 0/],
    [() => normalize([Number.NaN], [1]), /mean is \[NaN\], expected finite numbers/],
  ]
  for (const [run, message] of options) t.throws(run, { instanceOf: ValueError, message })
  using x = numbered([1, 2, 3, 3])
  using flat = tensor([1, 2])
  const batches: readonly [() => unknown, RegExp][] = [
    [() => randomHorizontalFlip()(flat), /x is \[2\], expected a batch \[N, C, H, W\]/],
    [() => randomCrop(2)(flat), /expected a batch/],
    [() => randomCrop(6, { padding: 1 })(x), /\[1, 2, 3, 3\] with padding 1, expected pictures of at least 6×6/],
    [() => compose(normalize([0, 0, 0], [1, 1, 1]))(x), /has 2 channels, expected 3/],
  ]
  for (const [run, message] of batches) t.throws(run, { instanceOf: ShapeError, message })
})

test.serial('a loader transforms its batches, and leaves no tensor behind', async (t) => {
  using inputs = numbered([8, 1, 2, 2])
  using targets = tensor(new Int32Array(8))
  const onDevice = new TensorDataset(inputs, targets)
  const onHost: data.Dataset = {
    length: 8,
    get: (i) => ({ x: { dtype: 'float32', shape: [1, 2, 2], data: Float32Array.of(i, i, i, i) }, y: 0 }),
  }
  await synchronize()
  const before = memory().tensors
  const augment = transforms.compose(transforms.randomCrop(2, { padding: 1 }), transforms.randomHorizontalFlip())
  const timesTen = (x: Tensor) => x.mul(10)
  for (const dataset of [onDevice, onHost]) {
    const first: number[] = []
    for await (using batch of new DataLoader(dataset, { batchSize: 3, transform: timesTen })) {
      first.push(...(await batch.x.data()))
    }
    t.is(first.length, 32)
    t.is(first[31], dataset === onDevice ? 320 : 70)
    for await (using batch of new DataLoader(dataset, { batchSize: 4, transform: augment })) {
      t.deepEqual(batch.x.shape, [4, 1, 2, 2])
    }
    for await (using batch of new DataLoader(dataset, { batchSize: 4, transform: (x) => x })) {
      t.false(batch.x.isDisposed, 'a transform may give its argument back')
    }
    const failing = new DataLoader(dataset, {
      transform: () => {
        throw new ValueError('no')
      },
    })
    await t.throwsAsync(
      async () => {
        for await (using _batch of failing);
      },
      { instanceOf: ValueError, message: 'no' },
    )
  }
  await synchronize()
  t.is(memory().tensors, before)
})

test.serial('a resumed training augments as the uninterrupted one would have', async (t) => {
  using inputs = numbered([24, 1, 4, 4])
  using targets = tensor(Int32Array.from({ length: 24 }, (_, i) => i % 3))
  const dataset = new TensorDataset(inputs, targets, { scale: 1 / 400 })
  const make = () => {
    manualSeed(8)
    const net = new nn.Sequential(new nn.Flatten(), new nn.Linear(16, 3))
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
    const transform = transforms.compose(transforms.randomCrop(4, { padding: 1 }), transforms.randomHorizontalFlip())
    const loader = new DataLoader(dataset, { batchSize: 8, shuffle: true, seed: 1, transform })
    return { net, loader, trainer: new Trainer(net, { optimizer, loss: functional.crossEntropy }) }
  }
  const whole = make()
  await whole.trainer.fit(whole.loader, { epochs: 3 })
  const first = make()
  const checkpoint = inFolder('run.safetensors')
  await first.trainer.fit(first.loader, { epochs: 1, checkpoint })
  const second = make()
  await second.trainer.loadCheckpoint(checkpoint)
  await second.trainer.fit(second.loader, { epochs: 3 })
  const weights = async ({ net }: { net: nn.Sequential }) => net.parameters()[0]!.data()
  t.deepEqual(await weights(second), await weights(whole))
  t.notDeepEqual(await weights(first), await weights(whole))
})
