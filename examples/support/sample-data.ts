// Drawn pictures in the layouts of the real data sets, so that experiments run in seconds where no data set is at hand.
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import sharp from 'sharp'

const side = 32
const pixels = side * side

/** Uniform numbers in [low, high) that follow from a seed. */
export type Draw = (low: number, high: number) => number

/** The generator of Marsaglia (2003), xorshift32; its first numbers are dropped, as near seeds start alike. */
export function drawFrom(seed: number): Draw {
  let state = (Math.imul(seed + 1, 0x9e3779b1) | 1) >>> 0
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
  for (let i = 0; i < 8; i++) next()
  return (low, high) => low + (high - low) * next()
}

/** An empty folder that goes when the program ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'node-cudnn-sample-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

// ---- CIFAR-10 -------------------------------------------------------------------------------------------------------

/** Whether (u, v), in units of the figure's radius, belongs to the figure of a class. */
const figures: readonly ((u: number, v: number) => boolean)[] = [
  (u, v) => u * u + v * v < 1, // a disc
  (u, v) => Math.abs(u) < 0.85 && Math.abs(v) < 0.85, // a square
  (u, v) => v < 0.7 && v > 2 * Math.abs(u) - 1, // a triangle
  (u, v) => Math.abs(Math.hypot(u, v) - 0.8) < 0.25, // a ring
  (u, v) => (Math.abs(u) < 0.28 && Math.abs(v) < 1) || (Math.abs(v) < 0.28 && Math.abs(u) < 1), // a cross
  (_, v) => Math.sin(7 * v) > 0, // horizontal stripes
  (u) => Math.sin(7 * u) > 0, // vertical stripes
  (u, v) => Math.sin(7 * u) * Math.sin(7 * v) > 0, // a chessboard
  (u, v) => Math.sin(5 * (u + v)) > 0, // diagonal stripes
  (u, v) => Math.cos(6 * u) + Math.cos(6 * v) > 0.9, // dots
]

/** Red, green, blue (0 … 255) of a hue in turns, a saturation and a brightness, each 0 … 1. */
function colour(hue: number, saturation: number, brightness: number): [number, number, number] {
  const channel = (n: number) => {
    const k = (n + 6 * hue) % 6
    return 255 * brightness * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1)))
  }
  return [channel(5), channel(3), channel(1)]
}

/** One record: the label, then the red, the green and the blue plane. Classes differ in shape and, loosely, in hue. */
function drawRecord(label: number, draw: Draw, record: Uint8Array): void {
  const inside = figures[label]!
  const front = colour((label / 10 + draw(-0.12, 0.12) + 1) % 1, draw(0.4, 0.9), draw(0.65, 1))
  const back = colour(draw(0, 1), draw(0.1, 0.5), draw(0.1, 0.45))
  const [x, y, radius, angle] = [draw(12, 20), draw(12, 20), draw(8, 13), draw(-0.2, 0.2)]
  const [cos, sin] = [Math.cos(angle) / radius, Math.sin(angle) / radius]
  record[0] = label
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const [dx, dy] = [column - x, row - y]
      const from = inside(cos * dx + sin * dy, cos * dy - sin * dx) ? front : back
      for (let c = 0; c < 3; c++) {
        const value = from[c]! + draw(-25, 25)
        record[1 + c * pixels + row * side + column] = Math.max(0, Math.min(255, value))
      }
    }
  }
}

export interface SampleCifar10Options {
  /** Pictures in each of the five training files (10,000 in the real set). Default 200. */
  perFile?: number
  /** Pictures in the test file (10,000 in the real set). Default 200. */
  test?: number
  /** Default 1. */
  seed?: number
}

/**
 * Writes `cifar-10-batches-bin/` in CIFAR-10's binary layout into `root`: ten classes of drawn shapes and patterns, in
 * turn, with noise. A small network tells them apart after a few hundred steps.
 * @example const train = await data.CIFAR10.load({ root: await writeSampleCifar10(temporaryFolder()) })
 */
export async function writeSampleCifar10(root: string, options: SampleCifar10Options = {}): Promise<string> {
  const { perFile = 200, test = 200, seed = 1 } = options
  const folder = path.join(root, 'cifar-10-batches-bin')
  await mkdir(folder, { recursive: true })
  const names = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`)
  for (const [i, name] of [...names, 'test_batch.bin'].entries()) {
    const draw = drawFrom(100 * seed + i)
    const count = name === 'test_batch.bin' ? test : perFile
    const bytes = new Uint8Array(count * (1 + 3 * pixels))
    for (let n = 0; n < count; n++) drawRecord(n % 10, draw, bytes.subarray(n * (1 + 3 * pixels)))
    await writeFile(path.join(folder, name), bytes)
  }
  return root
}

// ---- cats and dogs --------------------------------------------------------------------------------------------------

export interface SamplePicturesOptions {
  /** Pictures of each class to train with. Default 40. */
  train?: number
  /** Pictures of each class to test with. Default 20. */
  test?: number
  /** Default 1. */
  seed?: number
}

/**
 * Writes `{train,test}/{cat,dog}/*.jpg` into `root`: drawn faces of different sizes, furs and backgrounds; cats with
 * pointed ears and whiskers, dogs with hanging ears and a snout.
 * @example const train = await data.ImageFolder.create({ root: `${await writeSamplePictures(folder)}/train`, size: 64 })
 */
export async function writeSamplePictures(root: string, options: SamplePicturesOptions = {}): Promise<string> {
  const { train = 40, test = 20, seed = 1 } = options
  const draw = drawFrom(seed)
  for (const [part, count] of Object.entries({ train, test })) {
    for (const [name, face] of Object.entries({ cat: catFace, dog: dogFace })) {
      const folder = path.join(root, part, name)
      await mkdir(folder, { recursive: true })
      for (let i = 0; i < count; i++) {
        const svg = photograph(face, draw)
        await sharp(Buffer.from(svg))
          .jpeg({ quality: 85 })
          .toFile(path.join(folder, `${name}.${i}.jpg`))
      }
    }
  }
  return root
}

function photograph(face: (fur: string, dark: string) => string, draw: Draw): string {
  const [width, height] = [Math.round(draw(110, 161)), Math.round(draw(90, 161))]
  const rgb = (values: readonly number[]) => `rgb(${values.map(Math.round).join(',')})`
  const [hue, brightness] = [draw(0.04, 0.12), draw(0.45, 0.95)]
  const fur = rgb(colour(hue, draw(0.1, 0.7), brightness))
  const dark = rgb(colour(hue, draw(0.2, 0.7), brightness * 0.6))
  const things = Array.from({ length: 6 }, () => {
    const fill = rgb(colour(draw(0, 1), draw(0.1, 0.6), draw(0.3, 0.9)))
    return `<circle cx="${draw(0, width)}" cy="${draw(0, height)}" r="${draw(6, 30)}" fill="${fill}"/>`
  })
  const scale = (Math.min(width, height) / 200) * draw(0.75, 1.05)
  const place = `translate(${width * draw(0.42, 0.58)} ${height * draw(0.45, 0.58)})`
  const back = rgb(colour(draw(0, 1), draw(0.05, 0.5), draw(0.3, 0.95)))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
<rect width="${width}" height="${height}" fill="${back}"/>${things.join('')}
<g transform="${place} rotate(${draw(-12, 12)}) scale(${scale})">${face(fur, dark)}</g></svg>`
}

/** Faces are drawn around (0, 0), about 80 units to each side. */
const eyes = '<circle cx="-25" cy="-10" r="9" fill="#222"/><circle cx="25" cy="-10" r="9" fill="#222"/>'

function catFace(fur: string, dark: string): string {
  const whiskers = [-1, 1].flatMap((left) => [10, 18, 26].map((y) => `M${left * 18} 20L${left * 78} ${y + 2}`))
  return `<path d="M-62 -20L-54 -88L-14 -52ZM62 -20L54 -88L14 -52Z" fill="${dark}"/>
<circle r="62" fill="${fur}"/>${eyes}<path d="M-8 12L8 12L0 22Z" fill="#d88"/>
<path d="${whiskers.join('')}" stroke="#fff" stroke-width="2.5"/>`
}

function dogFace(fur: string, dark: string): string {
  return `<ellipse rx="54" ry="66" fill="${fur}"/>
<ellipse cx="-58" cy="4" rx="20" ry="52" fill="${dark}"/><ellipse cx="58" cy="4" rx="20" ry="52" fill="${dark}"/>
${eyes}<ellipse cy="36" rx="30" ry="25" fill="#eee2d0"/><ellipse cy="22" rx="14" ry="10" fill="#111"/>
<path d="M-4 48L4 48L6 66L-6 66Z" fill="#e66"/>`
}
