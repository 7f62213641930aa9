// Small arrays of numbers as PNG pictures in data URIs.
import sharp from 'sharp'

/** Grey bytes [height, width], enlarged without smoothing. */
export async function greyPicture(pixels: Uint8Array, width: number, height: number, scale = 1): Promise<string> {
  const picture = sharp(pixels, { raw: { width, height, channels: 1 } })
  return dataUri(
    await picture
      .resize(width * scale, height * scale, { kernel: 'nearest' })
      .png()
      .toBuffer(),
  )
}

/** How tiles of one size stand on a sheet. */
export interface Tiles {
  readonly count: number
  readonly width: number
  readonly height: number
  /** Tiles beside each other. */
  readonly columns: number
  /** How often each element is repeated to the right and downwards. */
  readonly scale: number
}

export interface RangedTiles extends Tiles {
  /** What is black and what is white. Default: the least and the largest number of each tile. */
  readonly range?: readonly [black: number, white: number]
}

type Colour = readonly [red: number, green: number, blue: number]

/**
 * Signed numbers [count, height, width] as tiles on one sheet: blue below zero, white at it, red above; each tile is
 * scaled by its own largest magnitude.
 */
export function signedTiles(values: ArrayLike<number>, tiles: Tiles): Promise<string> {
  const area = tiles.width * tiles.height
  const largest = eachTile(tiles, (tile) => {
    const [low, high] = extremes(values, tile * area, area)
    return Math.max(1e-12, -low, high)
  })
  return sheet(tiles, (tile, i) => diverging(values[tile * area + i]! / largest[tile]!))
}

/** Numbers [count, height, width] as grey tiles on one sheet. */
export function greyTiles(values: ArrayLike<number>, tiles: RangedTiles): Promise<string> {
  const area = tiles.width * tiles.height
  const ranges = eachTile(tiles, (tile) => tiles.range ?? extremes(values, tile * area, area))
  return sheet(tiles, (tile, i) => {
    const grey = byte(values[tile * area + i]!, ranges[tile]!)
    return [grey, grey, grey]
  })
}

/** Numbers [count, 3, height, width] as coloured tiles on one sheet. */
export function colourTiles(values: ArrayLike<number>, tiles: RangedTiles): Promise<string> {
  const area = tiles.width * tiles.height
  const ranges = eachTile(tiles, (tile) => tiles.range ?? extremes(values, 3 * tile * area, 3 * area))
  return sheet(tiles, (tile, i) => {
    const channel = (c: number) => byte(values[(3 * tile + c) * area + i]!, ranges[tile]!)
    return [channel(0), channel(1), channel(2)]
  })
}

function eachTile<Value>({ count }: Tiles, of: (tile: number) => Value): Value[] {
  return Array.from({ length: count }, (_, tile) => of(tile))
}

function extremes(values: ArrayLike<number>, from: number, length: number): [low: number, high: number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let i = from; i < from + length; i++) {
    low = Math.min(low, values[i]!)
    high = Math.max(high, values[i]!)
  }
  return [low, high]
}

/** A range that is empty is black. */
function byte(value: number, [black, white]: readonly [number, number]): number {
  const share = (value - black) / (white - black || 1)
  return Math.round(255 * Math.min(1, Math.max(0, share)))
}

/** A sheet of tiles with white between them; `colourOf` tells the colour of element i of a tile. */
async function sheet(
  { count, width, height, columns, scale }: Tiles,
  colourOf: (tile: number, i: number) => Colour,
): Promise<string> {
  const gap = 3
  const [tileWidth, tileHeight] = [width * scale + 2 * gap, height * scale + 2 * gap]
  const sheetWidth = Math.min(columns, count) * tileWidth
  const sheetHeight = Math.ceil(count / columns) * tileHeight
  const pixels = new Uint8Array(sheetWidth * sheetHeight * 3).fill(255)
  for (let tile = 0; tile < count; tile++) {
    const [left, top] = [(tile % columns) * tileWidth + gap, Math.floor(tile / columns) * tileHeight + gap]
    for (let i = 0; i < height * width; i++) {
      const colour = colourOf(tile, i)
      const [x, y] = [left + (i % width) * scale, top + Math.floor(i / width) * scale]
      for (let row = y; row < y + scale; row++) {
        for (let column = x; column < x + scale; column++) pixels.set(colour, (row * sheetWidth + column) * 3)
      }
    }
  }
  const picture = sharp(pixels, { raw: { width: sheetWidth, height: sheetHeight, channels: 3 } })
  return dataUri(await picture.png().toBuffer())
}

/** −1 … 1 to blue … white … red. */
function diverging(value: number): Colour {
  const end = value < 0 ? [33, 102, 172] : [178, 24, 43]
  const share = Math.min(1, Math.abs(value))
  return end.map((channel) => Math.round(255 + (channel - 255) * share)) as unknown as Colour
}

function dataUri(png: Uint8Array): string {
  return `data:image/png;base64,${Buffer.from(png).toString('base64')}`
}

/** Bytes in planes [3, height, width], enlarged without smoothing. */
export async function colourPicture(
  planes: ArrayLike<number>,
  width: number,
  height: number,
  scale = 1,
): Promise<string> {
  const plane = width * height
  const pixels = Uint8Array.from({ length: 3 * plane }, (_, i) => planes[(i % 3) * plane + Math.floor(i / 3)]!)
  const picture = sharp(pixels, { raw: { width, height, channels: 3 } })
  const enlarged = picture.resize(width * scale, height * scale, { kernel: 'nearest' })
  return dataUri(await enlarged.png().toBuffer())
}
