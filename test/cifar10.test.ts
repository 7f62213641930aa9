// CIFAR-10's files: what is read, what is refused, and the download of an archive from a local server.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import test from 'ava'
import { create } from 'tar'
import { writeSampleCifar10 } from '../examples/support/sample-data.js'
import { DownloadError, data, FormatError } from '../lib/index.js'
import { temporaryFolder } from './support/temporary.js'

const { CIFAR10, DataLoader } = data
const inFolder = temporaryFolder()
const folderName = 'cifar-10-batches-bin'
const recordBytes = 3073

/** A record whose byte i is (i + shift) mod 251. */
function record(label: number, shift: number): Uint8Array {
  return Uint8Array.from({ length: recordBytes }, (_, i) => (i === 0 ? label : (i + shift) % 251))
}

/** Writes files of records into `root`/cifar-10-batches-bin; gives the root. */
function writeFiles(root: string, files: Readonly<Record<string, Uint8Array | readonly Uint8Array[]>>): string {
  mkdirSync(path.join(root, folderName), { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(
      path.join(root, folderName, name),
      Array.isArray(content) ? Buffer.concat(content) : (content as Uint8Array),
    )
  }
  return root
}

const trainNames = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`)
const tiny = {
  ...Object.fromEntries(trainNames.map((name, i) => [name, [record(i, i), record(9 - i, 50 + i)]])),
  'test_batch.bin': [record(7, 3)],
}

test('CIFAR-10: training files follow each other, planes stay planes', async (t) => {
  using train = await CIFAR10.load({ root: writeFiles(inFolder('whole'), tiny), download: false })
  t.is(train.length, 10)
  t.deepEqual(train.inputs.shape, [10, 3, 32, 32])
  t.is(train.inputs.dtype, 'uint8')
  t.is(train.targets.dtype, 'int32')
  t.deepEqual([...(await train.targets.data())], [0, 9, 1, 8, 2, 7, 3, 6, 4, 5])
  const pixels = await train.inputs.data()
  for (const [n, shift] of [0, 50, 1, 51, 2, 52, 3, 53, 4, 54].entries()) {
    const expected = Array.from(record(0, shift).subarray(1))
    t.deepEqual(Array.from(pixels.subarray(n * 3072, (n + 1) * 3072)), expected, `picture ${n}`)
  }
  t.deepEqual(CIFAR10.classes.slice(3, 6), ['cat', 'deer', 'dog'])
})

test('CIFAR-10: the test file, normalised by channel', async (t) => {
  using dataset = await CIFAR10.load({ root: writeFiles(inFolder('test file'), tiny), train: false, download: false })
  t.is(dataset.length, 1)
  const { x, y } = dataset.batch(Int32Array.of(0))
  t.deepEqual([...(await y.data())], [7])
  const pixels = await x.data()
  const [mean, std] = [
    [0.4914, 0.4822, 0.4465],
    [0.247, 0.2435, 0.2616],
  ]
  for (const [c, at] of [0, 1024, 3071].entries()) {
    const expected = (((at + 1 + 3) % 251) / 255 - mean[c]!) / std[c]!
    t.true(Math.abs(pixels[at]! - expected) < 1e-5, `${pixels[at]} is not ${expected}`)
  }
  x.dispose()
  y.dispose()
})

const damaged: readonly [string, Readonly<Record<string, Uint8Array | readonly Uint8Array[]>>, RegExp][] = [
  [
    'a cut record',
    { ...tiny, 'data_batch_3.bin': record(1, 0).subarray(0, 3000) },
    /data_batch_3\.bin: 3000 bytes, exp/,
  ],
  ['an empty file', { ...tiny, 'data_batch_5.bin': new Uint8Array(0) }, /data_batch_5\.bin: 0 bytes, expected whole/],
  [
    'a label above 9',
    { ...tiny, 'data_batch_2.bin': [record(0, 0), record(10, 0)] },
    /data_batch_2\.bin: record 1 has label 10, expected 0 to 9/,
  ],
  ['a missing file', { 'data_batch_1.bin': [record(0, 0)] }, /data_batch_2\.bin: cannot be read .*ENOENT.* beside/],
  ['a folder of other things', { 'notes.txt': Buffer.from('mine') }, /data_batch_1\.bin: cannot be read/],
]
for (const [name, files, message] of damaged) {
  test(`CIFAR-10: refuses ${name}`, async (t) => {
    const root = writeFiles(inFolder(name), files)
    const error = await t.throwsAsync(CIFAR10.load({ root, url: 'http://127.0.0.1:9/never' }), {
      instanceOf: FormatError,
    })
    t.regex(error.message, message)
    t.true(error.message.startsWith(path.join(root, folderName)), 'the message starts with the file')
    t.deepEqual(readdirSync(path.join(root, folderName)).sort(), Object.keys(files).sort(), 'nothing was touched')
  })
}

// ---- download -------------------------------------------------------------------------------------------------------

async function archiveOf(files: Readonly<Record<string, Uint8Array | readonly Uint8Array[]>>, name: string) {
  const root = writeFiles(inFolder(`${name} packed`), files)
  const file = inFolder(`${name}.tar.gz`)
  await create({ gzip: true, cwd: root, file }, [folderName])
  return readFile(file)
}

async function withServer<T>(
  content: Uint8Array | number,
  use: (url: string, asked: () => number) => Promise<T>,
): Promise<T> {
  let asked = 0
  const server = createServer((_, response) => {
    asked++
    if (typeof content === 'number') response.writeHead(content).end()
    else response.end(content)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/cifar-10-binary.tar.gz`, () => asked)
  } finally {
    server.close()
  }
}

function md5Of(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}

test('CIFAR-10: downloads once for both sets, and leaves only the files behind', async (t) => {
  const archive = await archiveOf(
    { ...tiny, 'readme.html': Buffer.from('read'), 'other.txt': Buffer.from('no') },
    'good',
  )
  await withServer(archive, async (url, asked) => {
    const root = inFolder('downloaded')
    mkdirSync(path.join(root, folderName), { recursive: true }) // an empty folder counts as none
    const options = { root, url, md5: md5Of(archive) }
    const [train, test] = await Promise.all([CIFAR10.load(options), CIFAR10.load({ ...options, train: false })])
    const again = await CIFAR10.load(options)
    t.deepEqual([train.length, test.length, again.length], [10, 1, 10])
    t.is(asked(), 1)
    t.deepEqual(readdirSync(root), [folderName])
    t.deepEqual(readdirSync(path.join(root, folderName)).sort(), [...Object.keys(tiny), 'readme.html'].sort())
    for (const dataset of [train, test, again]) dataset.dispose()
  })
})

test('CIFAR-10: takes nothing from outside its folder in an archive', async (t) => {
  const root = inFolder('escaping packed', folderName)
  mkdirSync(root, { recursive: true })
  writeFileSync(inFolder('escaping packed', 'data_batch_1.bin'), record(0, 0))
  const file = inFolder('escaping.tar.gz')
  await create({ gzip: true, cwd: root, file, preservePaths: true }, ['../data_batch_1.bin'])
  const archive = await readFile(file)
  await withServer(archive, async (url) => {
    const target = inFolder('deep', 'escaped')
    mkdirSync(target, { recursive: true })
    const loading = CIFAR10.load({ root: target, url, md5: md5Of(archive) })
    await t.throwsAsync(loading, {
      instanceOf: DownloadError,
      message: /has no cifar-10-batches-bin\/data_batch_1\.bin/,
    })
    t.deepEqual(readdirSync(target), [])
    t.deepEqual(readdirSync(inFolder('deep')), ['escaped'])
  })
})

test('CIFAR-10: refuses what is not the archive', async (t) => {
  const incomplete = await archiveOf({ 'test_batch.bin': [record(0, 0)] }, 'incomplete')
  const whole = await archiveOf(tiny, 'to be cut')
  const cut = whole.subarray(0, whole.length - 40)
  const page = Buffer.from('<html>Moved</html>')
  const answers: readonly [Uint8Array | number, string | undefined, RegExp][] = [
    [page, undefined, /MD5 is [0-9a-f]{32}, expected c32a1d4ab5d03f1284b67883e8d87530/],
    [page, md5Of(page), /cannot be unpacked .*expected a \.tar\.gz|has no cifar-10-batches-bin/],
    [cut, md5Of(cut), /cannot be unpacked/],
    [incomplete, md5Of(incomplete), /has no cifar-10-batches-bin\/data_batch_1\.bin/],
    [404, undefined, /answered 404, expected 200/],
  ]
  for (const [i, [content, md5, message]] of answers.entries()) {
    const root = inFolder(`answer ${i}`)
    mkdirSync(root)
    await withServer(content, async (url) => {
      const loading = CIFAR10.load({ root, url, ...(md5 !== undefined && { md5 }) })
      await t.throwsAsync(loading, { instanceOf: DownloadError, message }, `answer ${i}`)
      t.deepEqual(readdirSync(root), [], 'nothing stays behind')
    })
  }
  const root = inFolder('nowhere')
  await t.throwsAsync(CIFAR10.load({ root, download: false }), {
    instanceOf: DownloadError,
    message: /no files in .*, and download is false/,
  })
})

// ---- the drawn stand-in ---------------------------------------------------------------------------------------------

test('the drawn pictures are in the layout, the same each time, and all classes are there', async (t) => {
  const load = async (name: string, options = {}) => {
    const root = await writeSampleCifar10(inFolder(name), { perFile: 20, test: 30, ...options })
    return CIFAR10.load({ root, download: false })
  }
  const [first, again, other] = [
    await load('drawn'),
    await load('drawn again'),
    await load('drawn otherwise', { seed: 2 }),
  ]
  t.is(first.length, 100)
  const pixels = await first.inputs.data()
  t.deepEqual(await again.inputs.data(), pixels)
  t.notDeepEqual(await other.inputs.data(), pixels)
  const counts = Array.from({ length: 10 }, () => 0)
  for await (using batch of new DataLoader(first, { batchSize: 10 })) for (const y of await batch.y.data()) counts[y]!++
  t.deepEqual(counts, Array(10).fill(10))
  for (const dataset of [first, again, other]) dataset.dispose()
})
