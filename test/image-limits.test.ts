// Pictures that are long, huge, or only say so: what they cost is bounded, and an error names them and the limit.
import { readFileSync, writeFileSync } from 'node:fs'
import { crc32, deflateSync } from 'node:zlib'
import test from 'ava'
import sharp, { type FormatEnum } from 'sharp'
import { data, FormatError, ValueError } from '../lib/index.js'
import { temporaryFolder } from './support/temporary.js'

const { readImage } = data
const inFolder = temporaryFolder()

/** In three parts along the longer side: red, green, blue. */
async function bands(width: number, height: number, format: keyof FormatEnum): Promise<Buffer> {
  const pixels = new Uint8Array(3 * width * height)
  const length = Math.max(width, height)
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) pixels[3 * i + Math.floor((3 * (width > height ? x : y)) / length)] = 255
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .toFormat(format, { lossless: true })
    .toBuffer()
}

/** The highest resident memory of the process so far, in bytes. */
function peak(): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024
}

const long: readonly [format: keyof FormatEnum, length: number][] = [
  ['png', 30_000],
  ['jpeg', 30_000],
  ['webp', 16_383],
  ['gif', 30_000],
  ['tiff', 30_000],
]
for (const [format, length] of long) {
  for (const [width, height] of [
    [1, length],
    [length, 1],
    [3, length],
    [length, 5],
  ] as const) {
    test.serial(`${format} of ${width}×${height}: its middle, whatever the size, in little memory`, async (t) => {
      const bytes = await bands(width, height, format)
      const before = peak()
      for (const options of [{ size: 224 }, { size: [30, 300] }, { size: 224, shortSide: 100_000 }] as const) {
        const { shape, data } = await readImage(bytes, options)
        const [, h, w] = shape as [number, number, number]
        t.deepEqual([h, w], typeof options.size === 'number' ? [224, 224] : [...options.size])
        const middle = Math.floor(h / 2) * w + Math.floor(w / 2)
        const [red, green, blue] = [0, 1, 2].map((c) => data[c * h * w + middle]!)
        t.true(green! > 200 && red! < 60 && blue! < 60, `${red}, ${green}, ${blue} in the middle`)
      }
      const stretched = await readImage(bytes, { size: 9, fit: 'stretch' })
      t.deepEqual(stretched.shape, [3, 9, 9])
      t.deepEqual((await readImage(bytes)).shape, [3, height, width])
      if (process.platform === 'linux') t.true(peak() - before < 300e6, `${peak() - before} bytes`)
    })
  }
}

test('what is turned by EXIF is cut where it is turned to', async (t) => {
  const pixels = new Uint8Array(3 * 20_000).fill(10)
  pixels.fill(200, 3 * 5_000, 3 * 15_000)
  const bytes = await sharp(pixels, { raw: { width: 20_000, height: 1, channels: 3 } })
    .withMetadata({ orientation: 6 })
    .png()
    .toBuffer()
  t.deepEqual((await readImage(bytes)).shape, [3, 20_000, 1])
  t.deepEqual([...new Set((await readImage(bytes, { size: 100 })).data)], [200])
})

function chunk(type: string, content: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}

/** A grey PNG that says it has this size, whatever its pixels are. */
function pngOf(width: number, height: number, pixels: Uint8Array): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = 8
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(pixels)),
    chunk('IEND', new Uint8Array(0)),
  ])
}

async function patched(format: keyof FormatEnum, patch: (bytes: Buffer) => void): Promise<Buffer> {
  const bytes = await bands(8, 8, format)
  patch(bytes)
  return bytes
}

const nothing = new Uint8Array(10)
const huge: readonly [string, () => Buffer | Promise<Buffer>, RegExp][] = [
  ['a PNG of 10^10 pixels', () => pngOf(100_000, 100_000, nothing), /100000×100000 pixels, .*limits\.inputPixels/],
  ['a PNG of 10^6×1', () => pngOf(1_000_000, 1, new Uint8Array(1_000_001)), /1×1000000 pixels, .*limits\.side/],
  ['a PNG beyond its format', () => pngOf(2 ** 31 - 1, 2 ** 31 - 1, nothing), /cannot be decoded|limits\.inputPixels/],
  ['an unfinished PNG just within', () => pngOf(8_000, 8_000, nothing), /cannot be decoded/],
  [
    'a JPEG of 65500²',
    () =>
      patched('jpeg', (bytes) => {
        const at = bytes.indexOf(Buffer.from([0xff, 0xc0])) // the start of the frame
        bytes.writeUInt16BE(65_500, at + 5)
        bytes.writeUInt16BE(65_500, at + 7)
      }),
    /65500×65500 pixels, .*limits\.inputPixels/,
  ],
  [
    'a lossless WebP of 16383²',
    () =>
      sharp({ create: { width: 16_383, height: 16_383, channels: 3, background: 'red' } })
        .webp({ lossless: true, effort: 0 })
        .toBuffer(),
    /16383×16383 pixels, .*limits\.inputPixels/,
  ],
  [
    'an SVG of 30000²',
    () =>
      Buffer.from(
        '<svg xmlns="http://www.w3.org/2000/svg" width="30000" height="30000"><rect width="1" height="1"/></svg>',
      ),
    /cannot be decoded \(it starts like none of JPEG/,
  ],
]
for (const [name, make, message] of huge) {
  test(`refuses ${name}`, async (t) => {
    const file = inFolder(name)
    writeFileSync(file, await make())
    for (const options of [{ size: 8 }, {}]) {
      const error = await t.throwsAsync(readImage(file, options), { instanceOf: FormatError, message })
      t.true(error.message.startsWith(file))
    }
  })
}

test('a GIF that only says it is huge is no larger than its frame, or refused', async (t) => {
  const bytes = await patched('gif', (gif) => {
    gif.writeUInt16LE(65_535, 6)
    gif.writeUInt16LE(65_535, 8)
  })
  const shape = await readImage(bytes, { size: 8 }).then(
    (image) => image.shape,
    (error) => t.true(error instanceof FormatError),
  )
  if (Array.isArray(shape)) t.deepEqual(shape, [3, 8, 8])
})

test('limits can be lowered and raised, and are checked', async (t) => {
  const bytes = await bands(100, 50, 'png')
  const refuse = async (options: data.ImageOptions, kind: new (message: string) => Error, message: RegExp) =>
    t.throwsAsync(readImage(bytes, options), { instanceOf: kind, message })
  await refuse({ limits: { inputPixels: 4_999 } }, FormatError, /50×100 pixels, expected at most 4999/)
  await refuse({ limits: { outputPixels: 4_999 } }, FormatError, /limits\.outputPixels/)
  await refuse({ limits: { side: 99 } }, FormatError, /sides of at most 99/)
  await refuse({ limits: { fileBytes: 60 } }, FormatError, /limits\.fileBytes/)
  await refuse({ size: 1000, limits: { outputPixels: 999_999 } }, ValueError, /size 1000×1000, expected at most 999999/)
  await refuse({ size: [1, 2 ** 17 + 1] }, ValueError, /sides of 131072/)
  await refuse({ size: 8, shortSide: 2 ** 17 + 1 }, ValueError, /sides of 131072/)
  await refuse({ size: 9_000 }, ValueError, /expected at most 67108864 pixels/)
  await refuse({ limits: { side: 0 } }, ValueError, /limits\.side 0/)
  await refuse(
    { limits: { sides: 9 } as Partial<data.ImageLimits> },
    ValueError,
    /limits: 'sides' is no option, expected 'side'/,
  )
  t.deepEqual(
    (await readImage(bytes, { limits: { inputPixels: 5_000, outputPixels: 5_000, side: 100 } })).shape,
    [3, 50, 100],
  )
  const long = pngOf(150_000, 1, new Uint8Array(150_001))
  t.deepEqual((await readImage(long, { size: 8, limits: { side: 150_000 } })).shape, [3, 8, 8])
  await t.throwsAsync(readImage(7 as unknown as string), {
    instanceOf: ValueError,
    message: /source is 7, expected a file's name/,
  })
})
