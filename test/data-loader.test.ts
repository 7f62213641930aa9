// Loaders: order, prefetch, workers, errors, and that nothing stays behind.
import { existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import { DataError, data, manualSeed, memory, randperm, synchronize, tensor, ValueError } from '../lib/index.js'
import Squares from './support/squares.js'
import { temporaryFolder } from './support/temporary.js'

const { DataLoader, ModuleDataset, TensorDataset } = data
const inFolder = temporaryFolder()

// ---- DataLoader -----------------------------------------------------------------------------------------------------

async function orderOf(loader: AsyncIterable<data.Batch>): Promise<number[][]> {
  const order: number[][] = []
  for await (using batch of loader) order.push([...batch.indices])
  return order
}

test('DataLoader: in order, with a short last batch or without it', async (t) => {
  const dataset = new Squares({ length: 7 })
  const all = new DataLoader(dataset, { batchSize: 3 })
  t.is(all.length, 3)
  t.is(all.examples, 7)
  t.deepEqual(await orderOf(all), [[0, 1, 2], [3, 4, 5], [6]])
  const full = new DataLoader(dataset, { batchSize: 3, dropLast: true })
  t.is(full.length, 2)
  t.is(full.examples, 6)
  t.deepEqual(await orderOf(full), [
    [0, 1, 2],
    [3, 4, 5],
  ])
  t.deepEqual(await orderOf(new DataLoader(new Squares({ length: 0 }))), [])
})

test('DataLoader: what a batch holds', async (t) => {
  for await (using batch of new DataLoader(new Squares({ length: 5 }), { batchSize: 5 })) {
    t.is(batch.x.dtype, 'float32')
    t.deepEqual(batch.x.shape, [5, 2])
    t.deepEqual([...(await batch.x.data())], [0, 0, 1, 1, 2, 4, 3, 9, 4, 16])
    t.is(batch.y.dtype, 'int32')
    t.deepEqual(batch.y.shape, [5])
    t.deepEqual([...(await batch.y.data())], [0, 1, 2, 0, 1])
  }
})

test.serial('DataLoader: the order follows from seed and epoch alone', async (t) => {
  const dataset = new Squares({ length: 100 })
  const make = (seed: number) => new DataLoader(dataset, { batchSize: 8, shuffle: true, seed })
  const one = make(1)
  const [first, second] = [await orderOf(one), await orderOf(one)]
  t.deepEqual(
    first.flat().sort((a, b) => a - b),
    [...Array(100).keys()],
    'each example once',
  )
  t.notDeepEqual(first, second, 'a new order in the second epoch')
  const again = make(1)
  t.deepEqual(await orderOf(again), first)
  t.deepEqual(await orderOf(again), second)
  again.epoch = 0
  t.deepEqual(await orderOf(again), first, 'the epoch can be set')
  t.notDeepEqual(await orderOf(make(2)), first)
  manualSeed(1)
  t.deepEqual(await orderOf(new DataLoader(dataset, { batchSize: 8, shuffle: true })), first, 'the default seed')
  // Written down once: equal on every machine and device, for ever.
  t.deepEqual((await orderOf(make(1))).flat().slice(0, 8), firstOfSeed1)
})
const firstOfSeed1 = [13, 37, 64, 22, 1, 53, 71, 33]

test.serial('DataLoader: the order draws nothing from the random numbers of the network', async (t) => {
  manualSeed(3)
  const before = await randperm(20).data()
  manualSeed(3)
  await orderOf(new DataLoader(new Squares({ length: 20 }), { shuffle: true }))
  t.deepEqual(await randperm(20).data(), before)
})

test('DataLoader: a dataset on the device', async (t) => {
  using dataset = new TensorDataset(tensor([[1], [2], [3]]), tensor(Int32Array.of(1, 2, 3)))
  const seen: number[] = []
  for await (using batch of new DataLoader(dataset, { batchSize: 2, shuffle: true, seed: 1 })) {
    t.deepEqual(
      [...(await batch.y.data())],
      [...batch.indices].map((i) => i + 1),
    )
    seen.push(...batch.indices)
  }
  t.deepEqual(seen.sort(), [0, 1, 2])
})

test('DataLoader: prefetches so many batches, and no more', async (t) => {
  let asked = 0
  const dataset = {
    length: 100,
    get(i: number) {
      asked = Math.max(asked, i + 1)
      return { x: { dtype: 'float32', shape: [], data: Float32Array.of(i) }, y: 0 } as const
    },
  }
  for (const prefetch of [0, 1, 4]) {
    asked = 0
    let batches = 0
    for await (using _batch of new DataLoader(dataset, { batchSize: 2, prefetch })) {
      await setTimeout(1)
      t.is(asked, 2 * Math.min(50, batches + 1 + prefetch))
      if (++batches === 5) break
    }
  }
})

test('DataLoader: samples of one batch are fetched at once', async (t) => {
  let running = 0
  let most = 0
  const dataset = {
    length: 16,
    async get(i: number) {
      most = Math.max(most, ++running)
      await setTimeout(5)
      running--
      return { x: { dtype: 'float32', shape: [], data: Float32Array.of(i) }, y: 0 } as const
    },
  }
  t.is((await orderOf(new DataLoader(dataset, { batchSize: 8, prefetch: 0 }))).length, 2)
  t.is(most, 8)
})

const badOptions: readonly [Partial<data.DataLoaderOptions>, RegExp][] = [
  [{ batchSize: 0 }, /batchSize is 0, expected a whole number of at least 1/],
  [{ batchSize: 1.5 }, /batchSize is 1.5/],
  [{ batchSize: Number.NaN }, /batchSize is NaN/],
  [{ prefetch: -1 }, /prefetch is -1, expected a whole number of at least 0/],
  [{ workers: -1 }, /workers is -1/],
  [{ seed: 0.5 }, /seed is 0.5/],
  [{ workers: 1 }, /expected a ModuleDataset/],
]
for (const [options, message] of badOptions) {
  test(`DataLoader: refuses ${JSON.stringify(options)}`, (t) => {
    t.throws(() => new DataLoader(new Squares({ length: 3 }), options), { instanceOf: ValueError, message })
  })
}

test('DataLoader: an error in a sample reaches the loop in its turn', async (t) => {
  const loader = new DataLoader(new Squares({ length: 10, failAt: 5 }), { batchSize: 2, prefetch: 4 })
  const seen: number[] = []
  await t.throwsAsync(
    async () => {
      for await (using batch of loader) seen.push(...batch.indices)
    },
    { instanceOf: RangeError, message: 'sample 5 is broken' },
  )
  t.deepEqual(seen, [0, 1, 2, 3])
})

test('DataLoader: samples that do not fit together', async (t) => {
  const sample = (x: object, y: unknown) => ({ x, y }) as data.Sample
  const arrays = [
    sample({ dtype: 'float32', shape: [2], data: new Float32Array(2) }, 0),
    sample({ dtype: 'float32', shape: [3], data: new Float32Array(3) }, 0),
    sample({ dtype: 'uint8', shape: [2], data: new Uint8Array(2) }, 0),
    sample({ dtype: 'float32', shape: [2], data: new Float32Array(5) }, 0),
    sample({ dtype: 'float32', shape: [2], data: new Float32Array(2) }, 0.5),
  ]
  const messages = [
    /x is float32\[3\]/,
    /x is uint8\[2\]/,
    /of 5 elements/,
    /y is 0.5, expected the integer of a class/,
  ]
  for (const [i, message] of messages.entries()) {
    const pair = [arrays[0]!, arrays[i + 1]!]
    const loader = new DataLoader({ length: 2, get: (n) => pair[n]! }, { batchSize: 2 })
    await t.throwsAsync(orderOf(loader), { instanceOf: DataError, message })
  }
})

// ---- workers --------------------------------------------------------------------------------------------------------

const module = new URL('./support/squares.js', import.meta.url)

test('workers: the same batches in the same order as without', async (t) => {
  const options = { length: 40, delay: 8 }
  const dataset = await ModuleDataset.open({ module, options })
  const settings = { batchSize: 3, shuffle: true, seed: 5 }
  const values = async (loader: data.DataLoader) => {
    const all: number[][] = []
    for await (using batch of loader) all.push([...batch.indices, ...(await batch.x.data()), ...(await batch.y.data())])
    return all
  }
  const expected = await values(new DataLoader(new Squares(options), settings))
  const loader = new DataLoader(dataset, { ...settings, workers: 3 })
  t.deepEqual(await values(loader), expected)
  loader.epoch = 0
  t.deepEqual(await values(loader), expected, 'a second time')
  t.deepEqual(await values(new DataLoader(dataset, { ...settings, workers: 2, prefetch: 0 })), expected, 'no prefetch')
})

test('workers: a class with create, by its name', async (t) => {
  const dataset = await ModuleDataset.open({ module, export: 'Created', options: { length: 4 } })
  t.deepEqual(await orderOf(new DataLoader(dataset, { batchSize: 2, workers: 1 })), [
    [0, 1],
    [2, 3],
  ])
})

test('workers: modules that make no dataset', async (t) => {
  const open = (name: string) => ModuleDataset.open({ module, export: name })
  await t.throwsAsync(open('absent'), { instanceOf: DataError, message: /expected a class absent/ })
  await t.throwsAsync(open('notAClass'), { instanceOf: DataError, message: /expected a class notAClass/ })
  await t.throwsAsync(open('NoDataset'), { instanceOf: DataError, message: /makes no dataset/ })
  await t.throwsAsync(ModuleDataset.open({ module: new URL('./absent.js', import.meta.url) }), {
    instanceOf: DataError,
    message: /absent\.js: cannot be imported/,
  })
  await t.throwsAsync(ModuleDataset.open({ module: './squares.js' }), {
    instanceOf: ValueError,
    message: /expected its whole address: new URL\('\.\/squares\.js', import\.meta\.url\)/,
  })
})

test('workers: an error in a sample rejects the iteration and stops them', async (t) => {
  const dataset = await ModuleDataset.open({ module, options: { length: 100, failAt: 11 } })
  const error = await t.throwsAsync(orderOf(new DataLoader(dataset, { batchSize: 2, workers: 2 })), {
    instanceOf: DataError,
    message: /sample 11 is broken/,
  })
  t.true(error.cause instanceof Error)
})

test('workers: one that ends by itself rejects the iteration', async (t) => {
  const dataset = await ModuleDataset.open({ module, options: { length: 100, exitAt: 11 } })
  await t.throwsAsync(orderOf(new DataLoader(dataset, { batchSize: 2, workers: 2 })), {
    instanceOf: DataError,
    message: /a worker ended with code 3/,
  })
})

test('workers: break stops them, also one that never ends', async (t) => {
  const mark = inFolder('mark')
  const options = { length: 1000, hangAt: 8, delay: 2, mark, markFrom: 500 }
  const dataset = await ModuleDataset.open({ module, options })
  let batches = 0
  for await (using _batch of new DataLoader(dataset, { batchSize: 4, workers: 2 })) if (++batches === 2) break
  t.is(batches, 2)
  await setTimeout(100)
  t.false(existsSync(mark), 'nothing far ahead was made')
})

test.serial('no tensor stays behind: whole epochs, break, errors', async (t) => {
  const moduleDataset = await ModuleDataset.open({ module, options: { length: 30 } })
  const onDevice = new TensorDataset(tensor(new Float32Array(30), { shape: [30, 1] }), tensor(new Int32Array(30)))
  await synchronize()
  const before = memory().tensors
  for (const loader of [
    new DataLoader(new Squares({ length: 30 }), { batchSize: 4, shuffle: true }),
    new DataLoader(moduleDataset, { batchSize: 4, workers: 2 }),
    new DataLoader(onDevice, { batchSize: 4, shuffle: true }),
  ]) {
    await orderOf(loader)
    for await (using _batch of loader) break
    await t.throwsAsync(async () => {
      for await (using _batch of loader) throw new Error('enough')
    })
  }
  await synchronize() // the queue lets go of the last batch
  t.is(memory().tensors, before)
})
