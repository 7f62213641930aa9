// Pictures from folders: what is decoded, how it is sized, what is refused; in one thread, in workers and in memory.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cp, readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'ava'
import sharp, { type Sharp } from 'sharp'
import { writeSamplePictures } from '../examples/support/sample-data.js'
import { DataError, data, FormatError, memory, synchronize, ValueError } from '../lib/index.js'
import { temporaryFolder } from './support/temporary.js'

const { DataLoader, ImageFolder, ModuleDataset, readImage, transforms } = data
const inFolder = temporaryFolder()

/** A picture whose channel c at (row, column) is 20·c + 10·row + column. */
function raw(width: number, height: number, channels: 1 | 2 | 3 | 4): Sharp {
  const pixels = new Uint8Array(height * width * channels)
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      for (let c = 0; c < channels; c++) {
        const isAlpha = (channels === 2 || channels === 4) && c === channels - 1
        pixels[(row * width + column) * channels + c] = isAlpha ? 255 : 20 * c + 10 * row + column
      }
    }
  }
  return sharp(pixels, { raw: { width, height, channels } })
}

function planes(width: number, height: number, value: (c: number, row: number, column: number) => number): number[] {
  return [0, 1, 2].flatMap((c) =>
    Array.from({ length: height * width }, (_, i) => value(c, Math.floor(i / width), i % width)),
  )
}

const coloured = (c: number, row: number, column: number) => 20 * c + 10 * row + column
const grey = (_: number, row: number, column: number) => 10 * row + column

// ---- readImage ------------------------------------------------------------------------------------------------------

const lossless: readonly [string, () => Sharp, (c: number, row: number, column: number) => number][] = [
  ['colour PNG', () => raw(7, 5, 3).png(), coloured],
  ['grey PNG', () => raw(7, 5, 1).toColourspace('b-w').png(), grey],
  ['grey PNG with alpha', () => raw(7, 5, 2).toColourspace('b-w').png(), grey],
  ['colour PNG with alpha', () => raw(7, 5, 4).png(), coloured],
  ['PNG of 16 bits', () => raw(7, 5, 3).toColourspace('rgb16').png(), coloured],
  ['WebP', () => raw(7, 5, 3).webp({ lossless: true }), coloured],
  ['TIFF', () => raw(7, 5, 3).tiff({ compression: 'lzw' }), coloured],
]
for (const [name, make, value] of lossless) {
  test(`readImage: ${name} becomes [3, H, W]`, async (t) => {
    const image = await readImage(await make().toBuffer())
    t.is(image.dtype, 'uint8')
    t.deepEqual(image.shape, [3, 5, 7])
    t.deepEqual(Array.from(image.data), planes(7, 5, value))
  })
}

test('readImage: the grey and the 16-bit sources are what they are called', async (t) => {
  const channelsOf = async (make: () => Sharp) => {
    const { channels, depth } = await sharp(await make().toBuffer()).metadata()
    return [channels, depth]
  }
  const byName = new Map(lossless.map(([name, make]) => [name, make]))
  t.deepEqual(await channelsOf(byName.get('grey PNG')!), [1, 'uchar'])
  t.deepEqual(await channelsOf(byName.get('grey PNG with alpha')!), [2, 'uchar'])
  t.deepEqual(await channelsOf(byName.get('PNG of 16 bits')!), [3, 'ushort'])
})

test('readImage: JPEG in colour, grey and CMYK have three channels near their colours', async (t) => {
  const flat = sharp({ create: { width: 16, height: 8, channels: 3, background: { r: 150, g: 120, b: 100 } } })
  const pictures: readonly [Buffer, readonly number[], number][] = [
    [await flat.clone().jpeg({ quality: 100 }).toBuffer(), [150, 120, 100], 3],
    [await flat.clone().toColourspace('b-w').jpeg().toBuffer(), [126, 126, 126], 4],
    [await flat.clone().toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer(), [150, 120, 100], 12], // by way of inks,
  ]
  for (const [bytes, expected, tolerance] of pictures) {
    const image = await readImage(bytes)
    t.deepEqual(image.shape, [3, 8, 16])
    for (const [c, value] of expected.entries()) {
      const came = image.data[c * 128]!
      t.true(Math.abs(came - value) <= tolerance, `channel ${c}: ${came}, expected about ${value}`)
    }
  }
  t.is((await sharp(pictures[2]![0]).metadata()).channels, 4, 'the last one is CMYK')
})

test('readImage: transparent parts take the background', async (t) => {
  const half = sharp({ create: { width: 4, height: 4, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } })
  const bytes = await half.png().toBuffer()
  t.deepEqual([...new Set((await readImage(bytes)).data)], [255])
  const red = await readImage(bytes, { background: [9, 8, 7], size: 2 })
  t.deepEqual(Array.from(red.data), [9, 9, 9, 9, 8, 8, 8, 8, 7, 7, 7, 7])
})

test('readImage: turned and mirrored as EXIF says', async (t) => {
  const turned = await raw(7, 5, 3).withMetadata({ orientation: 6 }).webp({ lossless: true }).toBuffer()
  const image = await readImage(turned)
  t.deepEqual(image.shape, [3, 7, 5], 'a quarter turn to the right')
  t.deepEqual(
    Array.from(image.data),
    planes(5, 7, (c, row, column) => coloured(c, 4 - column, row)),
  )
  const mirrored = await raw(7, 5, 3).withMetadata({ orientation: 2 }).webp({ lossless: true }).toBuffer()
  const other = await readImage(mirrored)
  t.deepEqual(
    Array.from(other.data),
    planes(7, 5, (c, row, column) => coloured(c, row, 6 - column)),
  )
})

test('readImage: crop keeps the middle, stretch keeps all, a short side scales first', async (t) => {
  // Three vertical bands 40 wide: red, green, blue.
  const bands = new Uint8Array(120 * 40 * 3)
  for (let i = 0; i < 120 * 40; i++) bands[3 * i + Math.floor((i % 120) / 40)] = 255
  const bytes = await sharp(bands, { raw: { width: 120, height: 40, channels: 3 } })
    .png()
    .toBuffer()
  const row = async (options: data.ImageOptions) => {
    const { shape, data } = await readImage(bytes, options)
    const [, height, width] = shape as [number, number, number]
    const middle = Math.floor(height / 2) * width
    const at = (column: number) => [0, 1, 2].map((c) => data[c * height * width + middle + column]!)
    const names = Array.from({ length: width }, (_, column) => 'rgb'[at(column).indexOf(Math.max(...at(column)))])
    return [shape, names.join('')] as const
  }
  t.deepEqual(await row({ size: 10 }), [[3, 10, 10], 'gggggggggg'])
  t.deepEqual(await row({ size: [10, 30] }), [[3, 10, 30], `${'r'.repeat(10)}${'g'.repeat(10)}${'b'.repeat(10)}`])
  t.deepEqual(await row({ size: 9, fit: 'stretch' }), [[3, 9, 9], 'rrrgggbbb'])
  t.deepEqual(await row({ size: [4, 8], shortSide: 20 }), [[3, 4, 8], 'gggggggg'])
  t.deepEqual(await row({ size: [4, 10], shortSide: 10 }), [[3, 4, 10], 'gggggggggg'])
  t.deepEqual(await row({ size: [20, 40] }), [[3, 20, 40], `${'r'.repeat(10)}${'g'.repeat(20)}${'b'.repeat(10)}`])
})

test('readImage: refuses what is no whole picture, and says which', async (t) => {
  const whole = await raw(7, 5, 3).resize(300, 200).jpeg().toBuffer()
  const contents: Readonly<Record<string, Uint8Array>> = {
    'text.jpg': Buffer.from('not a picture'),
    'empty.png': new Uint8Array(0),
    'cut.jpg': whole.subarray(0, whole.length / 2),
    'header.jpg': whole.subarray(0, 20),
    'cut.png': (await raw(7, 5, 3).resize(300, 200).png().toBuffer()).subarray(0, 200),
  }
  for (const [name, bytes] of Object.entries(contents)) {
    const file = inFolder(name)
    writeFileSync(file, bytes)
    const error = await t.throwsAsync(readImage(file, { size: 8 }), { instanceOf: FormatError }, name)
    t.regex(error.message, /: cannot be decoded \(.+\), expected a picture/)
    t.true(error.message.startsWith(file))
  }
  await t.throwsAsync(readImage(inFolder('absent.jpg')), { instanceOf: FormatError, message: /absent\.jpg: .*ENOENT/ })
  await t.throwsAsync(readImage(Buffer.from('no')), { instanceOf: FormatError, message: /^a picture of 2 bytes: / })
})

const badOptions: readonly [data.ImageOptions, RegExp][] = [
  [{ size: 0 }, /size 0, expected an integer from 1 on/],
  [{ size: [8, 2.5] }, /size 2\.5/],
  [{ shortSide: 8 }, /shortSide 8 without a size/],
  [{ size: [8, 16], shortSide: 12 }, /shortSide 12 .* covers the size/],
  [{ size: 8, fit: 'stretch', shortSide: 12 }, /fit 'stretch'/],
  [{ size: 8, fit: 'inside' as 'crop' }, /fit is 'inside', expected one of crop, stretch/],
]
for (const [options, message] of badOptions) {
  test(`readImage, ImageFolder: refuse ${JSON.stringify(options)}`, async (t) => {
    const expected = { instanceOf: ValueError, message }
    await t.throwsAsync(readImage(await raw(4, 4, 3).png().toBuffer(), options), expected)
    await t.throwsAsync(ImageFolder.create({ root: '.', ...options } as data.ImageFolderOptions), expected)
  })
}

// ---- ImageFolder ----------------------------------------------------------------------------------------------------

/** root/{b,a}/…: a has two pictures (one deeper), b has one; beside them what is no picture. */
async function smallFolder(name: string): Promise<string> {
  const root = inFolder(name)
  for (const folder of ['b', path.join('a', 'deep'), '.hidden']) mkdirSync(path.join(root, folder), { recursive: true })
  await raw(7, 5, 3)
    .png()
    .toFile(path.join(root, 'b', 'z.PNG'))
  await raw(5, 7, 1)
    .png()
    .toFile(path.join(root, 'a', 'y.png'))
  await raw(6, 6, 3)
    .webp({ lossless: true })
    .toFile(path.join(root, 'a', 'deep', 'x.webp'))
  writeFileSync(path.join(root, 'a', 'notes.txt'), 'none')
  writeFileSync(path.join(root, 'readme.md'), 'none')
  return root
}

test('ImageFolder: classes and files are sorted, other files are left alone', async (t) => {
  const root = await smallFolder('sorted')
  const folder = await ImageFolder.create({ root, size: 4 })
  t.deepEqual(folder.classes, ['a', 'b'])
  t.deepEqual(
    folder.files.map((file) => path.relative(root, file)),
    [path.join('a', 'deep', 'x.webp'), path.join('a', 'y.png'), path.join('b', 'z.PNG')],
  )
  t.deepEqual([...folder.labels], [0, 0, 1])
  t.is(folder.length, 3)
  await t.throwsAsync(folder.get(3), { instanceOf: ValueError, message: /index 3, expected an integer from 0 to 2/ })
})

test('ImageFolder: samples are normalised by channel, or the bytes', async (t) => {
  const root = await smallFolder('normalised')
  const bytes = await ImageFolder.create({ root, size: 4, dtype: 'uint8' })
  const plain = await ImageFolder.create({ root, size: 4 })
  const [mean, std] = [
    [0.1, 0.2, 0.3],
    [0.5, 0.25, 2],
  ]
  const normal = await ImageFolder.create({ root, size: 4, mean, std })
  for (let i = 0; i < 3; i++) {
    const [b, p, n] = [await bytes.get(i), await plain.get(i), await normal.get(i)]
    t.is(b.x.dtype, 'uint8')
    t.is(n.x.dtype, 'float32')
    t.deepEqual(n.x.shape, [3, 4, 4])
    t.is(n.y, i === 2 ? 1 : 0)
    for (const [k, byte] of b.x.data.entries()) {
      const c = Math.floor(k / 16)
      t.is(p.x.data[k], Math.fround(byte / 255))
      t.is(n.x.data[k], Math.fround((byte / 255 - mean[c]!) / std[c]!))
    }
  }
})

test('ImageFolder: refuses folders without pictures and options that do not fit', async (t) => {
  const refuses = async (root: string, message: RegExp) => {
    const error = await t.throwsAsync(ImageFolder.create({ root, size: 4 }), { instanceOf: FormatError, message })
    t.true(error.message.startsWith(root))
  }
  mkdirSync(inFolder('bare'))
  await refuses(inFolder('bare'), /has no folders, expected one for each class/)
  await refuses(inFolder('not there'), /not there: does not exist, expected a folder for each class/)
  const root = await smallFolder('with an empty class')
  mkdirSync(path.join(root, 'c'))
  await refuses(root, /c: has no pictures, expected files ending in \.jpg/)
  const bad: readonly [object, RegExp][] = [
    [{ mean: [0.5, 0.5] }, /mean has 2 numbers, expected one or three/],
    [{ std: [1] }, /std has 1 numbers/],
    [{ std: 0 }, /std is 0, expected finite numbers other than 0/],
    [{ std: [1, 0, 1] }, /std is \[1, 0, 1\]/],
    [{ mean: Number.NaN }, /mean is NaN/],
    [{ dtype: 'uint8', mean: 0.5 }, /mean or std with dtype 'uint8'/],
    [{ dtype: 'int32' }, /dtype is 'int32', expected/],
  ]
  for (const [options, message] of bad) {
    const creating = ImageFolder.create({ root: inFolder('sorted'), size: 4, ...options } as data.ImageFolderOptions)
    await t.throwsAsync(creating, { instanceOf: ValueError, message })
  }
})

interface Values {
  readonly indices: number[]
  readonly x: number[]
  readonly y: number[]
}

async function valuesOf(loader: data.DataLoader): Promise<Values[]> {
  const all: Values[] = []
  for await (using batch of loader) {
    all.push({ indices: [...batch.indices], x: [...(await batch.x.data())], y: [...(await batch.y.data())] })
  }
  return all
}

test.serial('ImageFolder: on this thread, in workers and in memory the batches are the same', async (t) => {
  const root = path.join(await writeSamplePictures(inFolder('pictures'), { train: 5, test: 1 }), 'train')
  const options = { root, size: [16, 24], mean: [0.5, 0.4, 0.3], std: 0.25 } as const
  const settings = { batchSize: 4, shuffle: true, seed: 3 }
  const folder = await ImageFolder.create(options)
  t.is(folder.length, 10)
  const expected = await valuesOf(new DataLoader(folder, settings))
  t.is(expected.length, 3)
  t.is(expected[0]!.x.length, 4 * 3 * 16 * 24)
  const inModule = await ModuleDataset.open(ImageFolder.source(options))
  t.deepEqual(await valuesOf(new DataLoader(inModule, { ...settings, workers: 2 })), expected)

  await synchronize()
  const before = memory().tensors
  const loaded = await folder.load()
  const fromMemory = await valuesOf(new DataLoader(loaded, settings))
  for (const [i, batch] of fromMemory.entries()) {
    t.deepEqual(batch.indices, expected[i]!.indices)
    t.deepEqual(batch.y, expected[i]!.y)
    // Normalised on the device by one multiplication and one addition in float32.
    const largest = batch.x.reduce((most, value, k) => Math.max(most, Math.abs(value - expected[i]!.x[k]!)), 0)
    t.true(largest < 1e-5, `differs by ${largest}`)
  }
  loaded.dispose()
  const bytes = await (await ImageFolder.create({ root, size: 8, dtype: 'uint8' })).load()
  const largest = Math.max(...(await valuesOf(new DataLoader(bytes, { batchSize: 10 }))).flatMap(({ x }) => x))
  t.true(largest > 100, 'bytes stay bytes')
  bytes.dispose()
  await synchronize()
  t.is(memory().tensors, before)
})

test('ImageFolder: a damaged picture is named, on this thread, in workers and when loading', async (t) => {
  const root = inFolder('with damage')
  await cp(await smallFolder('whole'), root, { recursive: true })
  const file = path.join(root, 'b', 'z.PNG')
  writeFileSync(file, (await readFile(file)).subarray(0, 40))
  const folder = await ImageFolder.create({ root, size: 4 })
  const expected = { instanceOf: FormatError, message: /b[/\\]z\.PNG: cannot be decoded/ }
  await t.throwsAsync(valuesOf(new DataLoader(folder, { batchSize: 2 })), expected)
  await t.throwsAsync(folder.load(), expected)
  const inModule = await ModuleDataset.open(ImageFolder.source({ root, size: 4 }))
  await t.throwsAsync(valuesOf(new DataLoader(inModule, { batchSize: 2, workers: 1 })), {
    instanceOf: DataError,
    message: /b[/\\]z\.PNG: cannot be decoded/,
  })
})

test('ImageFolder: the loader and the memory take transforms', async (t) => {
  const folder = await ImageFolder.create({ root: await smallFolder('augmented'), size: 4, dtype: 'uint8' })
  const transform = transforms.compose(transforms.toFloat(), transforms.normalize([0.5, 0.5, 0.5], [0.25, 0.5, 1]))
  const [batch] = await valuesOf(new DataLoader(folder, { batchSize: 3, transform }))
  const { x } = await folder.get(0)
  for (const [k, byte] of x.data.entries()) {
    const expected = (byte / 255 - 0.5) / [0.25, 0.5, 1][Math.floor(k / 16)]!
    t.true(Math.abs(batch!.x[k]! - expected) < 1e-5)
  }
  const loaded = await folder.load({ transform })
  const [again] = await valuesOf(new DataLoader(loaded, { batchSize: 3 }))
  t.deepEqual(again!.x, batch!.x)
  loaded.dispose()
})

test('the drawn cats and dogs are pictures of two classes, the same each time', async (t) => {
  const [root, again] = [inFolder('drawn'), inFolder('drawn again')]
  for (const folder of [root, again]) await writeSamplePictures(folder, { train: 3, test: 2 })
  const [train, test] = await Promise.all(
    ['train', 'test'].map((part) => ImageFolder.create({ root: path.join(root, part), size: 32 })),
  )
  t.deepEqual([train!.classes, [...train!.labels], test!.length], [['cat', 'dog'], [0, 0, 0, 1, 1, 1], 4])
  for (const name of await readdir(path.join(root, 'train', 'cat'))) {
    const [one, other] = await Promise.all(
      [root, again].map((folder) => readFile(path.join(folder, 'train', 'cat', name))),
    )
    t.deepEqual(one, other)
  }
})
