// Decodes one picture into an array [3, H, W]. Worker threads run this: it must not know tensors.
import { readFile } from 'node:fs/promises'
import { types } from 'node:util'
import sharp from 'sharp'
import { among, type Checks, checkNumber, checkNumbers, checkOptions, checkSizeOrSizes, refuse } from '../check.js'
import { FormatError, ValueError } from '../errors.js'
import type { HostArray } from '../io/host-array.js'

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
}

export const imageChecks: Checks<ImageOptions> = {
  size: checkSizeOrSizes,
  fit: among('crop', 'stretch'),
  shortSide: checkNumber,
  background: checkNumbers,
}

/**
 * Reads a picture (JPEG, PNG, WebP, AVIF, GIF or TIFF; a file's name, or its bytes) as uint8 [3, height, width]:
 * turned as its EXIF data says, in sRGB; grey pictures get three equal channels, transparent ones a background.
 * Decoding and scaling run in threads of their own
 * (https://docs.pytorch.org/vision/stable/generated/torchvision.io.decode_image.html).
 * @throws FormatError naming the file if it is no picture, or a damaged one.
 * @throws ValueError if a size is not a positive integer, or the short side does not cover it.
 * @example
 * const { data, shape } = await readImage('cat.jpg', { size: 64 })
 * const x = tensor(data, { shape: [1, ...shape] }).to('float32').div(255)
 */
export async function readImage(source: string | Uint8Array, options: ImageOptions = {}): Promise<HostArray> {
  checkOptions('readImage', options, imageChecks)
  if (typeof source !== 'string' && !types.isUint8Array(source)) {
    refuse('readImage', 'source', source, "a file's name or a Uint8Array")
  }
  const { size, fit, shortSide } = checkImageOptions('readImage', options)
  const { background: [r, g, b] = [255, 255, 255] } = options
  const name = typeof source === 'string' ? source : `a picture of ${source.length} bytes`
  try {
    // Read here: libvips keeps files open and their content cached by name.
    const bytes = typeof source === 'string' ? await readFile(source) : source
    let picture = sharp(bytes, { failOn: 'error' }).autoOrient().flatten({ background: { r, g, b } })
    if (size && fit === 'stretch') picture = picture.resize(size.width, size.height, { fit: 'fill' })
    else if (size) {
      const [width, height] = shortSide === undefined ? [size.width, size.height] : [shortSide, shortSide]
      picture = picture.resize(width, height, { fit: 'outside' })
    }
    const { data, info } = await picture
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    return toPlanes(data, info, size ?? info)
  } catch (cause) {
    const [reason] = (cause as Error).message.split('\n') // libvips repeats itself
    throw new FormatError(`${name}: cannot be decoded (${reason}), expected a picture`, { cause })
  }
}

interface Size {
  readonly height: number
  readonly width: number
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
}

/** @throws ValueError as {@link readImage}; `what` is whose options they are. */
export function checkImageOptions(what: string, { size, fit = 'crop', shortSide }: ImageOptions): Checked {
  if (fit !== 'crop' && fit !== 'stretch') throw new ValueError(`${what}: fit '${fit}', expected 'crop' or 'stretch'`)
  if (shortSide !== undefined) checkSize(what, 'shortSide', shortSide)
  if (size === undefined) {
    if (shortSide !== undefined) throw new ValueError(`${what}: shortSide ${shortSide} without a size, expected both`)
    return { size, fit, shortSide }
  }
  const [height, width] = typeof size === 'number' ? [size, size] : size
  checkSize(what, 'size', height)
  checkSize(what, 'size', width)
  if (shortSide !== undefined && (fit === 'stretch' || shortSide < Math.max(height, width))) {
    const came = `shortSide ${shortSide} with fit '${fit}' and size ${height}×${width}`
    throw new ValueError(`${what}: ${came}, expected 'crop' and a short side that covers the size`)
  }
  return { size: { height, width }, fit, shortSide }
}

function checkSize(what: string, name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new ValueError(`${what}: ${name} ${value}, expected an integer from 1 on`)
  }
}
