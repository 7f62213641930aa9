// Output shapes: what kernel, padding, stride and dilation make of a size, by formula, by counting and by the library.
import { nn, noGrad, rand, type Tensor, tidy } from '../lib/index.js'
import { experiment, type Lab } from './support/experiment.js'

/** One dimension of a convolution. */
interface Dimension {
  readonly size: number
  readonly kernel: number
  readonly padding: number
  readonly stride: number
  readonly dilation: number
}

/** How many steps fit behind the first window. */
function outputSize({ size, kernel, padding, stride, dilation }: Dimension): number {
  const window = dilation * (kernel - 1) + 1
  return Math.floor((size + 2 * padding - window) / stride) + 1
}

/** The same without a formula: the window is moved on as long as its last element lies on the padded input. */
function countWindows({ size, kernel, padding, stride, dilation }: Dimension): number {
  let count = 0
  for (let start = -padding; start + dilation * (kernel - 1) < size + padding; start += stride) count++
  return count
}

/** The formula without what is 0 or 1: `8 + 2·1 − 3 + 1 = 8`, `⌊(8 + 2·1 − 3) / 2⌋ + 1 = 4`. */
function formulaText(dimension: Dimension): string {
  const { size, kernel, padding, stride, dilation } = dimension
  const window = dilation === 1 ? `${kernel}` : `(${dilation}·${kernel - 1} + 1)`
  const rest = `${size}${padding === 0 ? '' : ` + 2·${padding}`} − ${window}`
  return `${stride === 1 ? rest : `⌊(${rest}) / ${stride}⌋`} + 1 = ${outputSize(dimension)}`
}

interface Case {
  readonly about: string
  /** [N, C, spatial…] */
  readonly x: readonly number[]
  readonly outChannels: number
  readonly kernel: number | readonly number[]
  readonly options?: { padding?: number | readonly number[]; stride?: number | readonly number[]; dilation?: number }
  /** As the textbooks give it. */
  readonly y: readonly number[]
}

const square = [1, 1, 8, 8]

const cases: readonly Case[] = [
  { about: 'a kernel of 3 without padding takes 2 away', x: square, outChannels: 1, kernel: 3, y: [1, 1, 6, 6] },
  { about: 'padding 1 gives them back', x: square, outChannels: 1, kernel: 3, options: { padding: 1 }, y: square },
  {
    about: 'an uneven kernel needs an uneven padding',
    x: square,
    outChannels: 1,
    kernel: [5, 3],
    options: { padding: [2, 1] },
    y: square,
  },
  {
    about: 'a stride of 2 halves',
    x: square,
    outChannels: 1,
    kernel: 3,
    options: { padding: 1, stride: 2 },
    y: [1, 1, 4, 4],
  },
  {
    about: 'all different',
    x: square,
    outChannels: 1,
    kernel: [3, 5],
    options: { padding: [0, 1], stride: [3, 4] },
    y: [1, 1, 2, 2],
  },
  {
    about: 'dilation spreads the kernel over 5',
    x: square,
    outChannels: 1,
    kernel: 3,
    options: { dilation: 2 },
    y: [1, 1, 4, 4],
  },
  { about: '32 colour pictures, 16 filters', x: [32, 3, 256, 256], outChannels: 16, kernel: 3, y: [32, 16, 254, 254] },
  {
    about: 'the same with padding',
    x: [32, 3, 256, 256],
    outChannels: 16,
    kernel: 3,
    options: { padding: 1 },
    y: [32, 16, 256, 256],
  },
  {
    about: 'one dimension: sequences',
    x: [32, 128, 10],
    outChannels: 256,
    kernel: 3,
    options: { padding: 1 },
    y: [32, 256, 10],
  },
  {
    about: 'three dimensions: films',
    x: [2, 16, 10, 50, 100],
    outChannels: 33,
    kernel: [3, 5, 2],
    options: { padding: [4, 2, 0], stride: [2, 1, 1] },
    y: [2, 33, 8, 50, 99],
  },
]

await experiment(
  import.meta.url,
  {
    title: 'Output shapes',
    question: 'How large is the output of a convolution, and which windows does it come from?',
  },
  async (lab) => {
    lab.print('For each dimension: ⌊(size + 2·padding − (dilation·(kernel − 1) + 1)) / stride⌋ + 1')
    const rows: string[][] = []
    for (const each of cases) rows.push(await rowOf(lab, each))
    lab.table(['x', 'weight', 'options', 'y', 'formula'], rows)
    const planar = cases.filter(({ x }) => x === square).slice(1)
    lab.section(
      'Where the windows lie',
      `<div class="expression">${planar.map(windowsPicture).join('')}</div>`,
      'The input of 8×8 with its padding (dashed), the first and the last window, and a dot in the corner of each window in between: one number of the output each.',
    )
    everyCombination(lab)
  },
)

function spread(value: number | readonly number[] | undefined, fallback: number, count: number): readonly number[] {
  const given = value ?? fallback
  return typeof given === 'number' ? Array<number>(count).fill(given) : given
}

function dimensionsOf({ x, kernel, options = {} }: Case): Dimension[] {
  const sizes = x.slice(2)
  const [kernels, paddings, strides, dilations] = [
    spread(kernel, 1, sizes.length),
    spread(options.padding, 0, sizes.length),
    spread(options.stride, 1, sizes.length),
    spread(options.dilation, 1, sizes.length),
  ]
  return sizes.map((size, i) => ({
    size,
    kernel: kernels[i]!,
    padding: paddings[i]!,
    stride: strides[i]!,
    dilation: dilations[i]!,
  }))
}

async function rowOf(lab: Lab, each: Case): Promise<string[]> {
  const { about, x, outChannels, kernel, options = {}, y } = each
  const Layer = [nn.Conv1d, nn.Conv2d, nn.Conv3d][x.length - 3]!
  using layer = new Layer(x[1]!, outChannels, kernel, options)
  using output = tidy(() => noGrad(() => layer.forward(rand(x))))
  const last = await lastElement(output)
  const dimensions = dimensionsOf(each)
  const formula = [x[0], outChannels, ...dimensions.map(outputSize)]
  const counted = [x[0], outChannels, ...dimensions.map(countWindows)]
  const shapes = [output.shape, formula, counted].map(shapeText)
  lab.check(
    `${about}: ${shapeText(x)} → ${shapeText(y)}`,
    shapes.every((shape) => shape === shapeText(y)) && Number.isFinite(last),
    new Set(shapes).size === 1 ? undefined : `library ${shapes[0]}, formula ${shapes[1]}, counted ${shapes[2]}`,
  )
  const words = Object.entries(options).map(
    ([name, value]) => `${name} ${Array.isArray(value) ? shapeText(value) : value}`,
  )
  const formulas = [...new Set(dimensions.map(formulaText))]
  const cells = [shapeText(x), shapeText(layer.weight.shape), words.join('; '), shapeText(y)]
  // A shape is not broken into lines.
  return [...cells.map((cell) => cell.replaceAll(', ', ',\u00a0')), formulas.join(', ')]
}

/** A shape is known before anything is computed; the last number of the output is there only afterwards. */
async function lastElement(x: Tensor): Promise<number> {
  using last = tidy(() => x.flatten().narrow(0, x.size - 1, 1))
  return last.item()
}

/** Every small convolution of one dimension, by the three ways. */
function everyCombination(lab: Lab): void {
  let count = 0
  const wrong: string[] = []
  const largest = lab.isShort ? 7 : 12
  for (let size = 1; size <= largest; size++) {
    using x = rand([1, 1, size])
    for (const kernel of [1, 2, 3, 4, 5]) {
      for (const padding of [0, 1, 2]) {
        for (const stride of [1, 2, 3]) {
          for (const dilation of [1, 2]) {
            const dimension = { size, kernel, padding, stride, dilation }
            if (countWindows(dimension) === 0) continue
            using conv = new nn.Conv1d(1, 1, kernel, { padding, stride, dilation })
            using y = noGrad(() => conv.forward(x))
            const sizes = [outputSize(dimension), countWindows(dimension), y.shape[2]]
            if (new Set(sizes).size > 1) wrong.push(`${JSON.stringify(dimension)}: ${sizes}`)
            count++
          }
        }
      }
    }
  }
  lab.check(
    `formula, counting and library agree on ${count} small convolutions`,
    wrong.length === 0 && count > 100,
    wrong[0] ?? `sizes 1 to ${largest}, kernels to 5, paddings to 2, strides to 3, dilations to 2`,
  )
}

function windowsPicture(each: Case): string {
  const [rows, columns] = dimensionsOf(each) as [Dimension, Dimension]
  const cell = 15
  const margin = 2 * cell + 4
  const [width, height] = [columns, rows].map(({ size }) => size * cell + 2 * margin) as [number, number]
  const [lines, dots]: [string[], string[]] = [[], []]
  const rect = (x: number, y: number, w: number, h: number, style: string) =>
    `<rect x="${margin + x * cell}" y="${margin + y * cell}" width="${w * cell}" height="${h * cell}" ${style}/>`
  const { padding: left } = columns
  const { padding: top } = rows
  lines.push(
    rect(
      -left,
      -top,
      columns.size + 2 * left,
      rows.size + 2 * top,
      'fill="none" stroke="#8a97a5" stroke-dasharray="3 3"',
    ),
  )
  for (let i = 0; i < rows.size; i++) {
    for (let j = 0; j < columns.size; j++) lines.push(rect(j, i, 1, 1, 'fill="#fff" stroke="#d5dce4"'))
  }
  const [yHeight, yWidth] = [countWindows(rows), countWindows(columns)]
  for (let i = 0; i < yHeight; i++) {
    for (let j = 0; j < yWidth; j++) {
      const [y, x] = [i * rows.stride - top, j * columns.stride - left]
      const isLast = i === yHeight - 1 && j === yWidth - 1
      if (isLast || (i === 0 && j === 0)) {
        const colour = isLast ? '#d55e00' : '#0072b2'
        for (let a = 0; a < rows.kernel; a++) {
          for (let b = 0; b < columns.kernel; b++) {
            const [row, column] = [y + a * rows.dilation, x + b * columns.dilation]
            lines.push(rect(column, row, 1, 1, `fill="${colour}" fill-opacity="0.35" stroke="${colour}"`))
          }
        }
      }
      const [cx, cy] = [x, y].map((at) => margin + (at + 0.5) * cell)
      dots.push(`<circle cx="${cx}" cy="${cy}" r="2.4" fill="#1c2733"/>`)
    }
  }
  const words = Object.entries(each.options ?? {}).map(([name, value]) => `${name} ${JSON.stringify(value)}`)
  const caption = `kernel ${JSON.stringify(each.kernel)}<br>${words.join('<br>')}<br>→ ${yHeight}×${yWidth}`
  const svg = `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">${lines.join('')}${dots.join('')}</svg>`
  return `<figure>${svg}<figcaption>${caption}</figcaption></figure>`
}

function shapeText(shape: readonly (number | undefined)[]): string {
  return `[${shape.join(', ')}]`
}
