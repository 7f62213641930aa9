// What is no regular file, is of no sane size, or is there twice: every reader refuses it at once, and writers leave it what it is.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import sharp from 'sharp'
import {
  CudnnError,
  data,
  FormatError,
  loadSafetensors,
  readSafetensors,
  saveSafetensors,
  tensor,
  train,
  ValueError,
} from '../lib/index.js'
import { temporaryFolder } from './support/temporary.js'

const { CIFAR10, FashionMNIST, ImageFolder, readIdx, readImage } = data
const inFolder = temporaryFolder()

function fifo(...names: string[]): string {
  const file = inFolder(...names)
  mkdirSync(path.dirname(file), { recursive: true })
  spawnSync('mkfifo', [file])
  return file
}

function linkTo(target: string, ...names: string[]): string {
  const file = inFolder(...names)
  mkdirSync(path.dirname(file), { recursive: true })
  symlinkSync(target, file)
  return file
}

async function picture(...names: string[]): Promise<string> {
  const file = inFolder(...names)
  mkdirSync(path.dirname(file), { recursive: true })
  await sharp({ create: { width: 4, height: 4, channels: 3, background: { r: 9, g: 8, b: 7 } } }).toFile(file)
  return file
}

// ---- reading --------------------------------------------------------------------------------------------------------

const readers: Readonly<Record<string, (file: string) => Promise<unknown>>> = {
  readImage,
  readIdx,
  readSafetensors,
  loadSafetensors,
  readCheckpoint: train.readCheckpoint,
}

test.before(async () => {
  fifo('fifo')
  linkTo('fifo', 'link to a fifo')
  linkTo('nothing', 'broken link')
  linkTo('round', 'round')
  mkdirSync(inFolder('folder'))
  const server = createServer()
  server.listen(inFolder('socket'))
  await once(server, 'listening')
  server.unref()
})

const special: readonly [name: string, file: () => string, RegExp][] = [
  ['a FIFO', () => inFolder('fifo'), /fifo: is a FIFO, expected a regular file/],
  ['a link to a FIFO', () => inFolder('link to a fifo'), /is a FIFO/],
  ['/dev/zero', () => '/dev/zero', /^\/dev\/zero: is a character device/],
  ['a folder', () => inFolder('folder'), /is a folder/],
  ['a socket', () => inFolder('socket'), /is a socket/],
  ['a broken link', () => inFolder('broken link'), /broken link: cannot be read .*ENOENT/],
  ['a link to itself', () => inFolder('round'), /cannot be read .*ELOOP/],
  ['nothing', () => inFolder('absent'), /cannot be read .*ENOENT/],
  ['a file of /proc', () => '/proc/self/maps', /^\/proc\/self\/maps: /],
]
for (const [name, file, message] of special) {
  for (const [reader, read] of Object.entries(readers)) {
    test(`${reader} refuses ${name} at once`, async (t) => {
      await t.throwsAsync(read(file()), { instanceOf: FormatError, message })
    })
  }
}

test('files larger than memory, or than a picture, are refused by their size', async (t) => {
  const file = inFolder('sparse.safetensors')
  const size = 2 ** 43
  const header = Buffer.from(JSON.stringify({ a: { dtype: 'U8', shape: [size], data_offsets: [0, size] } }))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  writeFileSync(file, Buffer.concat([length, header]))
  truncateSync(file, 8 + header.length + size)
  await t.throwsAsync(readSafetensors(file), { instanceOf: FormatError, message: /more than memory holds/ })
  for (const read of [readImage, readIdx]) {
    await t.throwsAsync(read(file), { instanceOf: FormatError, message: /bytes, expected at most/ })
  }
})

test('gzipped IDX data unpack to what their header says, and no further', async (t) => {
  const file = inFolder('bomb.idx.gz')
  const header = Buffer.from([0, 0, 8, 1, 0, 0, 0, 4])
  writeFileSync(file, gzipSync(Buffer.concat([header, Buffer.alloc(2 ** 27)])))
  const before = process.memoryUsage().rss
  await t.throwsAsync(readIdx(file), { instanceOf: FormatError, message: /more than 12 bytes come out/ })
  t.true(process.memoryUsage().rss - before < 2 ** 26)
  writeFileSync(file, gzipSync(Buffer.from([0, 0, 8, 1, 0xff, 0xff, 0xff, 0xff])))
  await t.throwsAsync(readIdx(file), {
    instanceOf: FormatError,
    message: /header for 4294967303 bytes, expected at most/,
  })
})

test('the published data sets are read from regular files only', async (t) => {
  const names = ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte']
  for (const name of names) fifo('fashion', name)
  await t.throwsAsync(FashionMNIST.load({ root: inFolder('fashion'), download: false }), {
    instanceOf: FormatError,
    message: /is a FIFO/,
  })
  for (let i = 1; i <= 5; i++) linkTo('/dev/zero', 'cifar', 'cifar-10-batches-bin', `data_batch_${i}.bin`)
  await t.throwsAsync(CIFAR10.load({ root: inFolder('cifar'), download: false }), {
    instanceOf: FormatError,
    message: /data_batch_1\.bin: is a character device/,
  })
  writeFileSync(inFolder('no folder'), '')
  mkdirSync(inFolder('odd'))
  copyFileSync(inFolder('no folder'), inFolder('odd', 'cifar-10-batches-bin'))
  await t.throwsAsync(CIFAR10.load({ root: inFolder('odd'), download: false }), {
    instanceOf: FormatError,
    message: /ENOTDIR/,
  })
})

test('where measured choices shall be kept, a FIFO or a device is done without', (t) => {
  const script = fileURLToPath(new URL('./fixtures/winograd-choice.js', import.meta.url))
  for (const file of [fifo('choices'), '/dev/zero', '/dev/full', inFolder('folder')]) {
    const { status, signal } = spawnSync(process.execPath, [script], {
      env: { ...process.env, NODE_CUDNN_CHOICES: file },
      timeout: 60_000,
    })
    t.deepEqual([status, signal], [0, null], file)
  }
})

// ---- folders of pictures ----------------------------------------------------------------------------------------------

const relative = (folder: data.ImageFolder, root: string) => folder.files.map((file) => path.relative(root, file))

test('ImageFolder: links that lead round or up again multiply nothing', async (t) => {
  const root = inFolder('links')
  await picture('links', 'a', '1.png')
  await picture('links', 'a', 'deep', '2.png')
  await picture('links', 'b', '3.png')
  linkTo('.', 'links', 'a', 'here')
  linkTo('..', 'links', 'a', 'deep', 'up')
  linkTo('../..', 'links', 'a', 'deep', 'top')
  linkTo('.', 'links', 'all')
  linkTo('1.png', 'links', 'a', '0.png')
  linkSync(inFolder('links', 'b', '3.png'), inFolder('links', 'b', '4.png'))
  const folder = await ImageFolder.create({ root, size: 4 })
  t.deepEqual(folder.classes, ['a', 'b'])
  t.deepEqual(relative(folder, root), ['a/1.png', 'a/deep/2.png', 'b/3.png'])
})

test('ImageFolder: a picture that is linked from elsewhere counts, once, and where it lies first', async (t) => {
  const root = inFolder('linked')
  await picture('elsewhere', 'x.png')
  await picture('linked', 'b', 'y.png')
  await picture('linked', 'a', 'own.png')
  linkTo('../b', 'linked', 'a', 'b')
  linkTo('../../elsewhere', 'linked', 'b', 'more')
  linkTo('../../elsewhere', 'linked', 'b', 'once more')
  const folder = await ImageFolder.create({ root, size: 4 })
  t.deepEqual(relative(folder, root), ['a/own.png', 'b/more/x.png', 'b/y.png'])
  t.deepEqual([...folder.labels], [0, 1, 1])
})

const brokenFolders: readonly [name: string, make: (root: string) => void, RegExp][] = [
  ['a broken link as a class', (root) => linkTo('gone', root, 'c'), /c: cannot be read .*ENOENT/],
  ['a broken link as a picture', (root) => linkTo('gone', root, 'a', 'x.jpg'), /x\.jpg: cannot be read .*ENOENT/],
  ['a FIFO as a picture', (root) => fifo(root, 'a', 'x.jpg'), /x\.jpg: is a FIFO/],
  ['a device as a picture', (root) => linkTo('/dev/zero', root, 'a', 'z.jpg'), /z\.jpg: is a character device/],
  ['one folder under two names', (root) => linkTo('a', root, 'b'), /b: has no pictures/],
]
for (const [name, make, message] of brokenFolders) {
  test(`ImageFolder: refuses ${name}`, async (t) => {
    await picture(name, 'a', '1.png')
    make(name)
    await t.throwsAsync(ImageFolder.create({ root: inFolder(name), size: 4 }), { instanceOf: FormatError, message })
  })
}

test('ImageFolder: what becomes a FIFO after it was listed does not hold up the others', async (t) => {
  const file = await picture('turned', 'a', '1.png')
  await picture('turned', 'a', '2.png')
  const folder = await ImageFolder.create({ root: inFolder('turned'), size: 4 })
  spawnSync('rm', [file])
  fifo('turned', 'a', '1.png')
  const reading = Array.from({ length: 8 }, () => t.throwsAsync(async () => folder.get(0), { instanceOf: FormatError }))
  t.deepEqual((await folder.get(1)).x.shape, [3, 4, 4])
  await Promise.all(reading)
})

// ---- writing --------------------------------------------------------------------------------------------------------

const x = tensor([1, 2, 3])
const valuesIn = async (file: string) => [...(await readSafetensors(file)).tensors.get('x')!.data]

test('a device is written to, not replaced', async (t) => {
  await saveSafetensors('/dev/null', { x })
  t.true(statSync('/dev/null').isCharacterDevice())
  const link = linkTo('/dev/null', 'link to null')
  await saveSafetensors(link, { x })
  t.true(lstatSync(link).isSymbolicLink())
  await t.throwsAsync(saveSafetensors('/dev/full', { x }), { code: 'ENOSPC' })
})

test('a FIFO is written to where somebody reads it, and refused where nobody does', async (t) => {
  const file = fifo('out')
  await t.throwsAsync(saveSafetensors(file, { x }), { instanceOf: ValueError, message: /nobody reads this FIFO/ })
  const large = tensor(new Float32Array(300_000).fill(7))
  const reader = spawn('cat', [file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(reader, 'close')
  const chunks: Buffer[] = []
  reader.stdout.on('data', (chunk) => chunks.push(chunk))
  let isWritten = false
  while (!isWritten) {
    isWritten = await saveSafetensors(file, { large }).then(
      () => true,
      () => false, // cat has not opened it yet
    )
  }
  await closed
  writeFileSync(inFolder('out of the fifo'), Buffer.concat(chunks))
  const { tensors } = await readSafetensors(inFolder('out of the fifo'))
  t.true(tensors.get('large')!.data.every((value) => value === 7))
  t.true(lstatSync(file).isFIFO())
})

test('a folder, a socket and links that go round are refused', async (t) => {
  await t.throwsAsync(saveSafetensors(inFolder('folder'), { x }), {
    instanceOf: ValueError,
    message: /is a folder, expected a file/,
  })
  await t.throwsAsync(saveSafetensors(inFolder('socket'), { x }), { instanceOf: ValueError, message: /is a socket/ })
  await t.throwsAsync(saveSafetensors(inFolder('round'), { x }), { code: 'ELOOP' })
  t.deepEqual(readdirSync(inFolder('folder')), [])
})

test('a link that leads nowhere yet stays one: its target is made', async (t) => {
  mkdirSync(inFolder('dangling', 'there'), { recursive: true })
  linkTo('there/new', 'dangling', 'second')
  const link = linkTo('second', 'dangling', 'first')
  await saveSafetensors(link, { x })
  t.true(lstatSync(link).isSymbolicLink())
  t.deepEqual(await valuesIn(inFolder('dangling', 'there', 'new')), [1, 2, 3])
  t.deepEqual(readdirSync(inFolder('dangling')).sort(), ['first', 'second', 'there'])
  t.deepEqual(readdirSync(inFolder('dangling', 'there')), ['new'])
})

test('mode and owner stay', async (t) => {
  const file = inFolder('mode')
  writeFileSync(file, 'old')
  chmodSync(file, 0o640)
  const isRoot = process.getuid?.() === 0
  if (isRoot) chownSync(file, 1234, 2345)
  const before = statSync(file)
  await saveSafetensors(file, { x })
  const { mode, uid, gid } = statSync(file)
  t.deepEqual([mode, uid, gid], [before.mode, before.uid, before.gid])
  t.deepEqual(await valuesIn(file), [1, 2, 3])
})

test('a name may be as long as the system allows', async (t) => {
  mkdirSync(inFolder('long'))
  const file = inFolder('long', `${'n'.repeat(243)}.safetensors`)
  await saveSafetensors(file, { x })
  await saveSafetensors(file, { x })
  t.deepEqual(readdirSync(inFolder('long')), [path.basename(file)])
})

test('what a killed process left is removed by the next write, what others write is not', async (t) => {
  const folder = inFolder('left')
  mkdirSync(folder)
  const script = fileURLToPath(new URL('./support/write-forever.js', import.meta.url))
  let left: string[] = []
  for (let tries = 0; tries < 20 && left.length === 0; tries++) {
    const child = spawn(process.execPath, [script, path.join(folder, 'x'), '4000000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    while (!readdirSync(folder).some((name) => name.endsWith('.tmp'))) await setTimeout(1)
    child.kill('SIGKILL')
    await once(child, 'exit')
    left = readdirSync(folder).filter((name) => name.endsWith('.tmp'))
  }
  t.true(left.length > 0, 'a process was killed while it wrote')
  const [name] = left as [string]
  const ofOther = name.replace(/-\d+-/, `-${process.ppid}-`)
  writeFileSync(path.join(folder, ofOther), 'being written')
  writeFileSync(path.join(folder, 'mine.tmp'), 'not of this package')
  await saveSafetensors(path.join(folder, 'x'), { x })
  t.deepEqual(readdirSync(folder).sort(), [ofOther, 'mine.tmp', 'x'].sort())
  t.deepEqual(readFileSync(path.join(folder, ofOther), 'utf8'), 'being written')
})

test('all of this is told by errors of one kind', async (t) => {
  const error = await t.throwsAsync(readSafetensors(inFolder('absent')), { instanceOf: CudnnError, code: 'ENOENT' })
  t.true(error.message.startsWith(inFolder('absent')))
})
