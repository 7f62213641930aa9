// Decodes one picture into an array [3, H, W]. Worker threads run this: it must not know tensors.
import { types } from 'node:util'
import type { Metadata, Sharp } from 'sharp'
import {
  among,
  type Checks,
  checkNumber,
  checkNumbers,
  checkOptions,
  checkSizeOrSizes,
  optionsLike,
  refuse,
} from '../check.js'
import { FormatError, ValueError } from '../errors.js'
import type { HostArray } from '../io/host-array.js'
import { openSharp } from '../io/optional-libraries.js'
import { readRegularFile } from '../io/regular-file.js'

/** What a picture may cost. Beyond these it is refused before its pixels are decoded. */
export interface ImageLimits {
  /** Bytes of the file. Default 2²⁸ (256 MiB). */
  readonly fileBytes: number
  /** Pixels of the picture in the file. Default 2²⁷ (134 million). */
  readonly inputPixels: number
  /** Pixels of the result, and so of the picture where no size is given. Default 2²⁶ (67 million). */
  readonly outputPixels: number
  /** Pixels along one side, of the picture in the file and of the result. Default 2¹⁷. */
  readonly side: number
}

export const defaultImageLimits: ImageLimits = {
  fileBytes: 2 ** 28,
  inputPixels: 2 ** 27,
  outputPixels: 2 ** 26,
  side: 2 ** 17,
}

/** How a picture gets its size. */
export interface ImageOptions {
  /** Height and width of the result; one number for a square. Default: those of the picture. */
  size?: number | readonly [height: number, width: number]
  /**
   * `crop` keeps the proportions: the picture is scaled until it covers the size, and the middle is cut out. `stretch`
   * scales height and width each by itself. Default `crop`.
   */
  fit?: 'crop' | 'stretch'
  /** With `crop`, scale the shorter side to this before cutting, as in "256, then 224". Default: as small as covers. */
  shortSide?: number
  /** Red, green, blue (0 … 255) behind transparent parts. Default white. */
  background?: readonly [red: number, green: number, blue: number]
  /** What a picture may cost; those that are not given have their defaults. */
  limits?: Partial<ImageLimits>
}

export const imageChecks: Checks<ImageOptions> = {
  size: checkSizeOrSizes,
  fit: among('crop', 'stretch'),
  shortSide: checkNumber,
  background: checkNumbers,
  limits: optionsLike<Partial<ImageLimits>>({
    fileBytes: checkNumber,
    inputPixels: checkNumber,
    outputPixels: checkNumber,
    side: checkNumber,
  }),
}

/**
 * Reads a picture (JPEG, PNG, WebP, AVIF, GIF or TIFF; a regular file's name, or its bytes) as uint8 [3, height, width]:
 * turned as its EXIF data says, in sRGB; grey pictures get three equal channels, transparent ones a background. A grey TIFF of floats holds
 * fractions of white if none is above 1, else numbers up to 255; one of coloured floats holds fractions of linear light.
 * Decoding and scaling run in threads of their own. A picture so long that the scaled one would have more than 2²⁴
 * pixels, and more than four times those of the result, is cut to whole pixels first and then scaled.
 * @throws FormatError naming the file if it is no picture, a damaged one, no regular file, or one beyond the limits.
 * @throws BackendError if sharp, the library that decodes, cannot be opened here.
 * @throws ValueError if a size is not a positive integer or beyond the limits, or the short side does not cover it.
 * @see https://docs.pytorch.org/vision/stable/generated/torchvision.io.decode_image.html
 * @example
 * const picture = await data.readImage('cat.jpg', { size: 64 })
 * const pixels = tensor(picture.data, { shape: [1, ...picture.shape] }).to('float32').div(255)
 */
export async function readImage(source: string | Uint8Array, options: ImageOptions = {}): Promise<HostArray> {
  checkOptions('readImage', options, imageChecks)
  if (typeof source !== 'string' && !types.isUint8Array(source)) {
    refuse('readImage', 'source', source, "a file's name or a Uint8Array")
  }
  const checked = checkImageOptions('readImage', options)
  const { size, limits } = checked
  const { background: [r, g, b] = [255, 255, 255] } = options
  const name = typeof source === 'string' ? source : `a picture of ${source.length} bytes`
  // Read here: libvips keeps files open and their content cached by name.
  const bytes = typeof source === 'string' ? await readRegularFile(source, limits.fileBytes) : source
  if (bytes.length > limits.fileBytes) {
    throw new FormatError(`${name}: expected at most ${limits.fileBytes} bytes (option limits.fileBytes)`)
  }
  if (!isPicture(bytes)) throw undecodable(name, 'it starts like none of JPEG, PNG, WebP, AVIF, GIF, TIFF')
  const sharp = await openSharp()
  try {
    // Its own limit says less when it is reached.
    const picture = sharp(bytes, { failOn: 'error', limitInputPixels: false }).autoOrient()
    const metadata = await picture.metadata()
    const { width, height } = metadata.autoOrient
    checkPixels(name, { width, height }, checked)
    const opaque = scaled(picture.flatten({ background: { r, g, b } }), { width, height }, checked)
    const { data, info } = await ((await holdsFractions(bytes, metadata)) ? opaque.linear(255, 0) : opaque)
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    return toPlanes(data, info, size ?? info)
  } catch (cause) {
    if (cause instanceof FormatError) throw cause
    const [reason] = (cause as Error).message.split('\n') // libvips repeats itself
    throw undecodable(name, reason ?? '', cause)
  }
}

/** Whether a picture is grey and made of floats in [0, 1], which would become 0 and 1 of 255. */
async function holdsFractions(bytes: Uint8Array, { depth, space }: Metadata): Promise<boolean> {
  if ((depth !== 'float' && depth !== 'double') || space !== 'b-w') return false
  const sharp = await openSharp()
  return (await sharp(bytes, { limitInputPixels: false }).stats()).channels.every(({ max }) => max <= 1)
}

function undecodable(name: string, reason: string, cause?: unknown): FormatError {
  return new FormatError(`${name}: cannot be decoded (${reason}), expected a picture`, { cause })
}

/** How the formats that are read start: at these places, in Latin-1. */
const signatures: readonly Readonly<Record<number, string>>[] = [
  { 0: '\xff\xd8\xff' }, // JPEG
  { 0: '\x89PNG\r\n\x1a\n' },
  { 0: 'GIF8' },
  { 0: 'RIFF', 8: 'WEBP' },
  { 0: 'II*\0' }, // TIFF, and its form for large files
  { 0: 'MM\0*' },
  { 0: 'II+\0' },
  { 0: 'MM\0+' },
  { 4: 'ftypavif' },
  { 4: 'ftypavis' },
  { 4: 'ftypmif1' },
  { 4: 'ftypmsf1' },
]

/** Whether the bytes start like a format that is read: libvips knows others, some of which run for long or read other files. */
function isPicture(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 12)).toString('latin1')
  return signatures.some((parts) => Object.entries(parts).every(([at, text]) => start.startsWith(text, Number(at))))
}

interface Size {
  readonly height: number
  readonly width: number
}

function checkPixels(name: string, { height, width }: Size, { size, limits }: Checked): void {
  const came = `${name}: the picture has ${height}×${width} pixels`
  for (const option of size ? (['inputPixels'] as const) : (['inputPixels', 'outputPixels'] as const)) {
    if (height * width <= limits[option]) continue
    throw new FormatError(`${came}, expected at most ${limits[option]} (option limits.${option})`)
  }
  if (Math.max(height, width) > limits.side) {
    throw new FormatError(`${came}, expected sides of at most ${limits.side} (option limits.side)`)
  }
}

/** No scaled picture is larger than this, or four times the result, before its middle is cut out. */
const ampleScaledPixels = 2 ** 24

/** The picture scaled to the size, or to what covers it. */
function scaled(picture: Sharp, from: Size, { size, fit, shortSide }: Checked): Sharp {
  if (!size) return picture
  if (fit === 'stretch') return picture.resize(size.width, size.height, { fit: 'fill' })
  const cover = shortSide === undefined ? size : { width: shortSide, height: shortSide }
  const scale = Math.max(cover.width / from.width, cover.height / from.height)
  if (from.width * scale * from.height * scale <= Math.max(ampleScaledPixels, 4 * size.width * size.height)) {
    return picture.resize(cover.width, cover.height, { fit: 'outside' })
  }
  const width = Math.max(1, Math.round(size.width / scale))
  const height = Math.max(1, Math.round(size.height / scale))
  const [left, top] = [Math.round((from.width - width) / 2), Math.round((from.height - height) / 2)]
  return picture.extract({ left, top, width, height }).resize(size.width, size.height, { fit: 'fill' })
}

/** The middle of interleaved pixels [H, W, channels] as planes [3, height, width]. */
function toPlanes(pixels: Uint8Array, from: Size & { channels: number }, { height, width }: Size): HostArray {
  const top = Math.round((from.height - height) / 2)
  const left = Math.round((from.width - width) / 2)
  const plane = height * width
  const data = new Uint8Array(3 * plane)
  for (let c = 0; c < 3; c++) {
    const channel = from.channels >= 3 ? c : 0
    for (let row = 0; row < height; row++) {
      let at = ((top + row) * from.width + left) * from.channels + channel
      const end = c * plane + (row + 1) * width
      for (let to = end - width; to < end; to++, at += from.channels) data[to] = pixels[at]!
    }
  }
  return { dtype: 'uint8', shape: [3, height, width], data }
}

interface Checked {
  readonly size: Size | undefined
  readonly fit: 'crop' | 'stretch'
  readonly shortSide: number | undefined
  readonly limits: ImageLimits
}

/** @throws ValueError as {@link readImage}; `what` is whose options they are. */
export function checkImageOptions(what: string, options: ImageOptions): Checked {
  const { size, fit = 'crop', shortSide } = options
  if (fit !== 'crop' && fit !== 'stretch') throw new ValueError(`${what}: fit '${fit}', expected 'crop' or 'stretch'`)
  const limits = { ...defaultImageLimits }
  for (const [name, value] of Object.entries(options.limits ?? {})) {
    if (value === undefined) continue
    checkSize(what, `limits.${name}`, value)
    limits[name as keyof ImageLimits] = value
  }
  if (shortSide !== undefined) checkSize(what, 'shortSide', shortSide)
  if (size === undefined) {
    if (shortSide !== undefined) throw new ValueError(`${what}: shortSide ${shortSide} without a size, expected both`)
    return { size, fit, shortSide, limits }
  }
  const [height, width] = typeof size === 'number' ? [size, size] : size
  checkSize(what, 'size', height)
  checkSize(what, 'size', width)
  if (height * width > limits.outputPixels || Math.max(height, width, shortSide ?? 0) > limits.side) {
    const expected = `at most ${limits.outputPixels} pixels and sides of ${limits.side} (option limits)`
    const came = shortSide === undefined ? '' : ` of a short side of ${shortSide}`
    throw new ValueError(`${what}: size ${height}×${width}${came}, expected ${expected}`)
  }
  if (shortSide !== undefined && (fit === 'stretch' || shortSide < Math.max(height, width))) {
    const came = `shortSide ${shortSide} with fit '${fit}' and size ${height}×${width}`
    throw new ValueError(`${what}: ${came}, expected 'crop' and a short side that covers the size`)
  }
  return { size: { height, width }, fit, shortSide, limits }
}

function checkSize(what: string, name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new ValueError(`${what}: ${name} ${value}, expected an integer from 1 on`)
  }
}
