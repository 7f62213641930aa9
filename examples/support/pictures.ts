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

/**
 * Signed numbers [count, height, width] as tiles on one sheet: blue below zero, white at it, red above; each tile is
 * scaled by its own largest magnitude.
 */
export async function signedTiles(
  values: ArrayLike<number>,
  {
    count,
    width,
    height,
    columns,
    scale,
  }: { count: number; width: number; height: number; columns: number; scale: number },
): Promise<string> {
  const gap = 3
  const [tileWidth, tileHeight] = [width * scale + 2 * gap, height * scale + 2 * gap]
  const sheetWidth = columns * tileWidth
  const sheetHeight = Math.ceil(count / columns) * tileHeight
  const sheet = new Uint8Array(sheetWidth * sheetHeight * 3).fill(255)
  for (let tile = 0; tile < count; tile++) {
    const at = (row: number, column: number) => values[(tile * height + row) * width + column]!
    let largest = 1e-12
    for (let i = 0; i < height * width; i++) largest = Math.max(largest, Math.abs(values[tile * height * width + i]!))
    const [left, top] = [(tile % columns) * tileWidth + gap, Math.floor(tile / columns) * tileHeight + gap]
    for (let row = 0; row < height * scale; row++) {
      for (let column = 0; column < width * scale; column++) {
        const value = at(Math.floor(row / scale), Math.floor(column / scale)) / largest
        sheet.set(diverging(value), ((top + row) * sheetWidth + left + column) * 3)
      }
    }
  }
  const picture = sharp(sheet, { raw: { width: sheetWidth, height: sheetHeight, channels: 3 } })
  return dataUri(await picture.png({ palette: true }).toBuffer())
}

/** −1 … 1 to blue … white … red. */
function diverging(value: number): [number, number, number] {
  const end = value < 0 ? [33, 102, 172] : [178, 24, 43]
  const share = Math.min(1, Math.abs(value))
  return end.map((channel) => Math.round(255 + (channel - 255) * share)) as [number, number, number]
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
