// Datasets: files, downloads, selection, and errors.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync, gzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { DownloadError, data, FormatError, ShapeError, tensor, ValueError } from '../lib/index.js'
import Squares from './support/squares.js'
import { temporaryFolder } from './support/temporary.js'

const { FashionMNIST, parseIdx, readIdx, subset, TensorDataset } = data
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
