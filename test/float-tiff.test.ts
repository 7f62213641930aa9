// TIFF files of floats: fractions of white and numbers up to 255 are told apart.
import test from 'ava'
import { data } from '../lib/index.js'

/** A grey TIFF of float32 samples, uncompressed, in one strip. */
function greyTiff(width: number, height: number, values: readonly number[]): Buffer {
  const short = 3
  const long = 4
  const floats = 3 // the sample format
  const fields = [
    [256, short, width],
    [257, short, height],
    [258, short, 32], // bits of a sample
    [259, short, 1], // no compression
    [262, short, 1], // 0 is black
    [273, long, 0], // where the strip is
    [277, short, 1], // samples of a pixel
    [278, short, height], // rows of the strip
    [279, long, 4 * values.length], // bytes of the strip
    [339, short, floats],
  ] as const
  const directory = 8
  const strip = directory + 2 + 12 * fields.length + 4
  const file = Buffer.alloc(strip + 4 * values.length)
  file.write('II*\0', 'latin1')
  file.writeUInt32LE(directory, 4)
  file.writeUInt16LE(fields.length, directory)
  for (const [i, [tag, type, value]] of fields.entries()) {
    const at = directory + 2 + 12 * i
    file.writeUInt16LE(tag, at)
    file.writeUInt16LE(type, at + 2)
    file.writeUInt32LE(1, at + 4)
    file.writeUInt32LE(tag === 273 ? strip : value, at + 8)
  }
  for (const [i, value] of values.entries()) file.writeFloatLE(value, strip + 4 * i)
  return file
}

const wanted = [0, 51, 102, 153, 204, 255, 255, 0]
for (const [name, values] of [
  ['fractions', [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 0]],
  ['numbers up to 255', wanted],
] as const) {
  test(`a grey TIFF of floats that are ${name}`, async (t) => {
    const image = await data.readImage(greyTiff(4, 2, values))
    t.deepEqual(image.shape, [3, 2, 4])
    t.deepEqual([...image.data], [...wanted, ...wanted, ...wanted])
  })
}
