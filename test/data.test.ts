// Datasets and loaders: files, downloads, order, prefetch, workers, errors, and that nothing stays behind.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import {
  DataError,
  DownloadError,
  data,
  FormatError,
  manualSeed,
  memory,
  randperm,
  ShapeError,
  synchronize,
  tensor,
  ValueError,
} from '../lib/index.js'
import Squares from './support/squares.js'
import { temporaryFolder } from './support/temporary.js'

const { DataLoader, FashionMNIST, ModuleDataset, parseIdx, readIdx, subset, TensorDataset } = data
const inFolder = temporaryFolder()

// ---- IDX ----------------------------------------------------------------------------------------------------------

function idx(type: number, shape: readonly number[], elements: readonly number[]): Uint8Array {
  const header = Buffer.alloc(4 + 4 * shape.length)
  header[2] = type
  header[3] = shape.length
  for (const [i, size] of shape.entries()) header.writeUInt32BE(size, 4 + 4 * i)
  return Buffer.concat([header, Uint8Array.from(elements)])
}

const idxCases: readonly [string, Uint8Array, string, number[], number[]][] = [
  ['bytes', idx(0x08, [2, 2], [0, 1, 254, 255]), 'uint8', [2, 2], [0, 1, 254, 255]],
  ['signed bytes', idx(0x09, [2], [0xff, 0x7f]), 'int32', [2], [-1, 127]],
  ['short integers', idx(0x0b, [2], [0xff, 0xfe, 0x01, 0x00]), 'int32', [2], [-2, 256]],
  ['integers', idx(0x0c, [1], [0x80, 0, 0, 1]), 'int32', [1], [-(2 ** 31) + 1]],
  ['floats', idx(0x0d, [1], [0xbf, 0xc0, 0, 0]), 'float32', [1], [-1.5]],
  ['doubles', idx(0x0e, [1], [0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]), 'float64', [1], [0.1]],
  ['a scalar', idx(0x08, [], [7]), 'uint8', [], [7]],
  ['nothing', idx(0x08, [0, 28, 28], []), 'uint8', [0, 28, 28], []],
]
for (const [name, bytes, dtype, shape, values] of idxCases) {
  test(`IDX: ${name}, plain and gzipped`, async (t) => {
    for (const content of [bytes, gzipSync(bytes)]) {
      const file = inFolder(`${name}.idx`)
      writeFileSync(file, content)
      const array = await readIdx(file)
      t.is(array.dtype, dtype as typeof array.dtype)
      t.deepEqual(array.shape, shape)
      t.deepEqual(Array.from(array.data), values)
    }
  })
}

const brokenIdx: readonly [string, Uint8Array, RegExp][] = [
  ['an empty file', new Uint8Array(0), /0 bytes, expected an IDX header/],
  ['three bytes', new Uint8Array(3), /3 bytes, expected an IDX header/],
  ['another format', Buffer.from('PNG, perhaps'), /starts with 504e472c, expected an IDX header/],
  ['an unknown type', idx(0x0a, [1], [0]), /starts with 00000a01/],
  ['a cut header', idx(0x08, [2, 2], []).subarray(0, 9), /9 bytes, expected 12 for the header of 2 dimensions/],
  ['200 dimensions', idx(0x08, Array(200).fill(1), [1]), /200 dimensions, expected at most 8/],
  ['cut data', idx(0x08, [4], [1, 2, 3]), /3 bytes of data, expected 4 for \[4\]/],
  ['trailing data', idx(0x08, [2], [1, 2, 3]), /3 bytes of data, expected 2 for \[2\]/],
  ['a huge claim', idx(0x08, [0xffffffff, 0xffffffff, 0xffffffff], [1]), /1 bytes of data, expected 7\.9/],
  ['a type of wider elements', idx(0x0d, [4], [1, 2, 3, 4]), /4 bytes of data, expected 16/],
  ['cut gzip', gzipSync(idx(0x08, [4], [1, 2, 3, 4])).subarray(0, 20), /cannot be unpacked/],
  ['broken gzip', Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(30, 1)]), /cannot be unpacked/],
]
for (const [name, bytes, message] of brokenIdx) {
  test(`IDX: refuses ${name}`, async (t) => {
    const file = inFolder(`broken ${name}.idx`)
    writeFileSync(file, bytes)
    const error = await t.throwsAsync(readIdx(file), { instanceOf: FormatError, message })
    t.true(error.message.startsWith(file))
  })
}

test('IDX: unpacks no more than it may', async (t) => {
  const file = inFolder('bomb.idx.gz')
  writeFileSync(file, gzipSync(Buffer.alloc(50_000_000)))
  await t.throwsAsync(readIdx(file, { maxBytes: 1_000_000 }), {
    instanceOf: FormatError,
    message: /cannot be unpacked/,
  })
})

// ---- Fashion-MNIST ------------------------------------------------------------------------------------------------

const debian = '/usr/share/datasets/fashion-mnist'
const hasFashion = existsSync(debian)

if (!hasFashion)
  console.log(`skipped: what reads Fashion-MNIST, since ${debian} is absent (Debian package dataset-fashion-mnist)`)

function withFashion(title: string, run: (t: ExecutionContext) => Promise<void>): void {
  const testOrSkip = hasFashion ? test : test.skip
  testOrSkip(title, run)
}

async function serve(answer: (name: string) => Uint8Array | number): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    const content = answer((request.url ?? '').slice(1))
    if (typeof content === 'number') response.writeHead(content).end()
    else response.end(content)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

withFashion('Fashion-MNIST: the test pictures, normalised', async (t) => {
  using test = await FashionMNIST.load({ train: false, download: false })
  t.is(test.length, 10_000)
  t.is(test.classes.length, 10)
  t.is(test.classes[9], 'Ankle boot')
  t.deepEqual(test.inputs.shape, [10_000, 1, 28, 28])
  const raw = parseIdx(gunzipSync(readFileSync(`${debian}/t10k-images-idx3-ubyte.gz`)), 'images')
  const { x, y } = test.batch(Int32Array.of(3, 9_999))
  t.deepEqual(x.shape, [2, 1, 28, 28])
  t.deepEqual([...(await y.data())], [1, 5])
  const pixels = await x.data()
  for (const [row, picture] of [3, 9_999].entries()) {
    for (let i = 0; i < 784; i++) {
      const expected = (raw.data[picture * 784 + i]! / 255 - 0.286) / 0.353
      t.true(Math.abs(pixels[row * 784 + i]! - expected) < 1e-5)
    }
  }
  x.dispose()
  y.dispose()
})

withFashion('Fashion-MNIST: downloads once, checked, whole or not at all', async (t) => {
  const asked: string[] = []
  const { server, url } = await serve((name) => {
    asked.push(name)
    return name.startsWith('t10k-') ? readFileSync(`${debian}/${name}`) : 404
  })
  const root = inFolder('download')
  try {
    const options = { root, train: false, url }
    const first = await FashionMNIST.load(options)
    const again = await FashionMNIST.load(options)
    t.is(again.length, 10_000)
    t.deepEqual(asked.sort(), ['t10k-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz'])
    t.deepEqual((await readdir(root)).sort(), asked)
    first.dispose()
    again.dispose()
    const absent = FashionMNIST.load({ root, train: true, url })
    await t.throwsAsync(absent, { instanceOf: DownloadError, message: /train-.*answered 404, expected 200/ })
  } finally {
    server.close()
  }
})

const wrongAnswers: readonly [string, Uint8Array, RegExp][] = [
  ['another file', gzipSync(idx(0x08, [1], [1])), /SHA-256 of its content is [0-9a-f]{64}, expected [0-9a-f]{64}/],
  ['a page', Buffer.from('<html>Moved</html>'), /SHA-256/],
  ['broken gzip', Buffer.from([0x1f, 0x8b, 8, 0]), /cannot be unpacked/],
  ['too much', Buffer.alloc(65_000_000), /more than 64000000 bytes came/],
]
for (const [name, content, message] of wrongAnswers) {
  test(`Fashion-MNIST: refuses a download of ${name}`, async (t) => {
    const { server, url } = await serve(() => content)
    const root = inFolder(`wrong ${name}`)
    await mkdir(root)
    try {
      await t.throwsAsync(FashionMNIST.load({ root, url }), { instanceOf: DownloadError, message })
      t.deepEqual(await readdir(root), [])
    } finally {
      server.close()
    }
  })
}

test('Fashion-MNIST: no server, and no files without download', async (t) => {
  const { server, url } = await serve(() => 404)
  await new Promise((resolve) => server.close(resolve))
  const root = inFolder('nothing')
  await t.throwsAsync(FashionMNIST.load({ root, url }), { instanceOf: DownloadError, message: /ECONNREFUSED/ })
  await t.throwsAsync(FashionMNIST.load({ root, download: false }), {
    instanceOf: DownloadError,
    message: /download is false/,
  })
})

withFashion('Fashion-MNIST: a damaged file is told from a missing one', async (t) => {
  const root = inFolder('damaged')
  await mkdir(root)
  await copyFile(`${debian}/t10k-labels-idx1-ubyte.gz`, inFolder('damaged', 't10k-labels-idx1-ubyte.gz'))
  writeFileSync(inFolder('damaged', 't10k-images-idx3-ubyte'), idx(0x08, [1, 28, 28], Array(784).fill(0)))
  const loading = FashionMNIST.load({ root, train: false, download: false })
  await t.throwsAsync(loading, { instanceOf: FormatError, message: /t10k-images-idx3-ubyte: SHA-256/ })
})

// ---- TensorDataset --------------------------------------------------------------------------------------------------

test('TensorDataset: selects, converts and normalises by channel', async (t) => {
  const inputs = tensor(
    Uint8Array.from({ length: 24 }, (_, i) => i),
    { shape: [3, 2, 2, 2] },
  )
  using dataset = new TensorDataset(inputs, tensor(Int32Array.of(5, 6, 7)), { scale: 0.5, mean: [1, 2], std: [2, 4] })
  const { x, y } = dataset.batch(Int32Array.of(2, 0, 2))
  t.is(x.dtype, 'float32')
  t.deepEqual(x.shape, [3, 2, 2, 2])
  const expected = [2, 0, 2].flatMap((n) =>
    Array.from({ length: 8 }, (_, i) => ((n * 8 + i) * 0.5 - (i < 4 ? 1 : 2)) / (i < 4 ? 2 : 4)),
  )
  t.deepEqual(Array.from(await x.data()), expected)
  t.deepEqual([...(await y.data())], [7, 5, 7])
  const one = await dataset.get(1)
  t.deepEqual(one.x.shape, [2, 2, 2])
  t.is(one.x.data[0], (8 * 0.5 - 1) / 2)
  x.dispose()
  y.dispose()
})

test('TensorDataset: wrong shapes, wrong indices', async (t) => {
  const x = tensor([[1], [2]])
  t.throws(() => new TensorDataset(x, tensor([1, 2, 3])), { instanceOf: ShapeError, message: /one first dimension/ })
  t.throws(() => new TensorDataset(tensor(1), tensor(1)), { instanceOf: ShapeError })
  t.throws(() => new TensorDataset(x, tensor([1, 2]), { mean: [1, 2] }), {
    instanceOf: ShapeError,
    message: /expected 1/,
  })
  for (const options of [{ std: 0 }, { std: [0] }, { mean: Number.NaN }, { scale: Number.POSITIVE_INFINITY }]) {
    t.throws(() => new TensorDataset(x, tensor([1, 2]), options), {
      instanceOf: ValueError,
      message: /expected .*finite/,
    })
  }
  const dataset = new TensorDataset(x, tensor([1, 2]))
  await t.throwsAsync(dataset.get(2), { instanceOf: ValueError, message: /index 2, expected an integer from 0 to 1/ })
})

test('TensorDataset: a transform sees each batch', async (t) => {
  const dataset = new TensorDataset(tensor([[1], [2]]), tensor([0, 1]), { transform: (x) => x.mul(10) })
  const { x } = dataset.batch(Int32Array.of(1))
  t.deepEqual([...(await x.data())], [20])
})

test('subset: of both kinds of dataset', async (t) => {
  const some = subset(new Squares({ length: 10 }), [7, 3])
  t.is(some.length, 2)
  t.is((await some.get(0)).x.data[0], 7)
  await t.throwsAsync(async () => some.get(2), { instanceOf: ValueError })
  t.throws(() => subset(new Squares({ length: 10 }), [10]), { instanceOf: ValueError, message: /0 to 9/ })
  const onDevice = subset(new TensorDataset(tensor([[1], [2], [3]]), tensor([1, 2, 3])), [2, 0])
  t.deepEqual([...(await onDevice.batch(Int32Array.of(1, 0)).y.data())], [1, 3])
})

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
