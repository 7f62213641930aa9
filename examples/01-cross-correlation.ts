// Cross-correlation, the sum that every convolutional layer computes: first in loops of TypeScript, then by the library.
import { functional, noGrad, tensor, tidy } from '../lib/index.js'
import { counted, type Matrix, matrix, planes } from './support/arrays.js'
import { experiment, type Lab } from './support/experiment.js'
import { expression, numberGrid } from './support/grids.js'

/** Lays the kernel on every place of x and adds up the products: [H, W] ⋆ [kH, kW] → [H − kH + 1, W − kW + 1]. */
function correlate(x: Matrix, kernel: Matrix): Matrix {
  const [kernelHeight, kernelWidth] = [kernel.length, kernel[0]!.length]
  return matrix(x.length - kernelHeight + 1, x[0]!.length - kernelWidth + 1, (row, column) => {
    let sum = 0
    for (let i = 0; i < kernelHeight; i++) {
      for (let j = 0; j < kernelWidth; j++) sum += x[row + i]![column + j]! * kernel[i]![j]!
    }
    return sum
  })
}

/** Several input channels: each has a kernel of its own, and the results are added. [C, H, W] ⋆ [C, kH, kW] → [H', W'] */
function correlateChannels(x: Matrix[], kernels: Matrix[]): Matrix {
  const parts = x.map((plane, channel) => correlate(plane, kernels[channel]!))
  return parts.reduce((sum, part) => matrix(sum.length, sum[0]!.length, (i, j) => sum[i]![j]! + part[i]![j]!))
}

/** Several output channels: one filter for each. [C, H, W] ⋆ [O, C, kH, kW] → [O, H', W'] */
function correlateFilters(x: Matrix[], filters: Matrix[][]): Matrix[] {
  return filters.map((kernels) => correlateChannels(x, kernels))
}

await experiment(
  import.meta.url,
  {
    title: 'Cross-correlation',
    question: 'What does a convolutional layer compute, and do a few loops compute the same as the library?',
  },
  async (lab) => {
    await onePlane(lab)
    await channels(lab)
    await realSize(lab)
    await oneByOne(lab)
    await turnedKernel(lab)
  },
)

/** [O, H', W'] by the library, of x [C, H, W] and filters [O, C, kH, kW]. */
async function byLibrary(x: Matrix[], filters: Matrix[][]): Promise<ArrayLike<number>> {
  using y = tidy(() => noGrad(() => functional.conv2d(tensor(x), tensor(filters))))
  return y.data()
}

async function onePlane(lab: Lab): Promise<void> {
  const [x, kernel] = [counted(3, 3, 0), counted(2, 2, 0)]
  const y = correlate(x, kernel)
  lab.print(`${JSON.stringify(x)} ⋆ ${JSON.stringify(kernel)} = ${JSON.stringify(y)}`)
  lab.print(`The first number is 0·0 + 1·1 + 3·2 + 4·3 = ${y[0]![0]}; the kernel then moves on by one.`)
  const expected = [
    [19, 25],
    [37, 43],
  ]
  lab.close('the loops give [[19, 25], [37, 43]]', y, expected, 0)
  lab.close('so does the library', await byLibrary([x], [[kernel]]), expected, 0)

  const steps = y.flatMap((row, i) =>
    row.map((_, j) => {
      const isUnder = (r: number, c: number) => r >= i && r < i + 2 && c >= j && c < j + 2
      const fill = (r: number, c: number) => (isUnder(r, c) ? '#cfe3f3' : '#fff')
      const products = kernel.flatMap((weights, a) => weights.map((weight, b) => `${x[i + a]![j + b]}·${weight}`))
      const result = numberGrid(y, {
        fill: (r, c) => (r === i && c === j ? '#fbd9bd' : '#fff'),
        text: (r, c) => (2 * r + c <= 2 * i + j ? String(y[r]![c]) : ''),
        caption: 'y',
        cell: 28,
      })
      const caption = products.join(' + ')
      return expression(numberGrid(x, { fill, caption, cell: 28 }), '→', result)
    }),
  )
  lab.section(
    'The kernel moves over the picture',
    expression(numberGrid(x, { fill: () => '#fff', caption: 'x' }), '⋆', numberGrid(kernel, { caption: 'kernel' })) +
      expression(...steps),
  )
}

async function channels(lab: Lab): Promise<void> {
  lab.print('\nA picture of two channels, and a kernel for each:')
  const x = [counted(3, 3, 0), counted(3, 3, 1)]
  const kernels = [counted(2, 2, 0), counted(2, 2, 1)]
  const y = correlateChannels(x, kernels)
  lab.print(`${JSON.stringify(correlate(x[0]!, kernels[0]!))} + ${JSON.stringify(correlate(x[1]!, kernels[1]!))}`)
  const expected = [
    [56, 72],
    [104, 120],
  ]
  lab.close('the channels add up to [[56, 72], [104, 120]]', y, expected, 0)
  lab.close('so they do in the library', await byLibrary(x, [kernels]), expected, 0)

  // Three filters: these kernels, and the same with 1 and with 2 added to every weight.
  const filters = [0, 1, 2].map((more) => kernels.map((kernel) => kernel.map((row) => row.map((w) => w + more))))
  const outputs = correlateFilters(x, filters)
  lab.print(`Three filters give three channels: ${JSON.stringify(outputs)}`)
  const three = [
    expected,
    matrix(2, 2, (i, j) => [76, 100, 148, 172][2 * i + j]!),
    matrix(2, 2, (i, j) => [96, 128, 192, 224][2 * i + j]!),
  ]
  lab.close('three filters give three output channels', outputs, three, 0)
  lab.close('the same three as in the library', await byLibrary(x, filters), three, 0)

  const grid = (values: Matrix, caption: string) => numberGrid(values, { caption, cell: 28 })
  const rows = filters.map((kernels, o) =>
    expression(
      grid(x[0]!, 'x, channel 0'),
      '⋆',
      grid(kernels[0]!, `filter ${o}, channel 0`),
      '+',
      grid(x[1]!, 'x, channel 1'),
      '⋆',
      grid(kernels[1]!, `filter ${o}, channel 1`),
      '=',
      grid(outputs[o]!, `y, channel ${o}`),
    ),
  )
  lab.section('Two channels in, three channels out', rows.join(''))
}

/** Sizes that are not round, so that rows and columns, or inputs and outputs, cannot be mistaken for each other. */
async function realSize(lab: Lab): Promise<void> {
  const random = lab.random(1)
  const even = () => 2 * random() - 1
  const [height, width, outputs] = lab.isShort ? [33, 47, 8] : [149, 203, 32]
  const x = planes(3, height, width, even)
  const filters = Array.from({ length: outputs }, () => planes(3, 3, 5, even))
  const start = performance.now()
  const y = correlateFilters(x, filters)
  const between = performance.now()
  const library = await byLibrary(x, filters)
  const end = performance.now()
  lab.print(`\nx [3, ${height}, ${width}], ${outputs} filters of [3, 3, 5], all random:`)
  lab.print(
    `loops ${(between - start).toFixed(1)} ms, library ${(end - between).toFixed(1)} ms, its preparation included`,
  )
  // float32 carries 24 bits, and 45 products are added.
  lab.close('loops and library agree on random numbers', library, y.flat(), 1e-5)
}

/** A kernel of 1×1 sees one place only: it mixes channels, which is a matrix product with the places as columns. */
async function oneByOne(lab: Lab): Promise<void> {
  const random = lab.random(2)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const x = planes(3, 3, 3, normal)
  const filters = Array.from({ length: 2 }, () => planes(3, 1, 1, normal))
  const loops = correlateFilters(x, filters)
  const convolved = await byLibrary(x, filters)
  using product = tidy(() => {
    const weights = tensor(filters).reshape([2, 3]) // [O, C]
    const places = tensor(x).reshape([3, 9]) // [C, H·W]
    return weights.matmul(places).reshape([2, 3, 3]) // [O, H, W]
  })
  lab.print('\nA 1×1 convolution of [3, 3, 3] to [2, 3, 3], as the product of [2, 3] and [3, 9]:')
  lab.close('the matrix product equals the 1×1 convolution of the loops', await product.data(), loops.flat(), 1e-6)
  lab.close('and that of the library', await product.data(), convolved, 1e-6)
}

/** Mathematics turns the kernel by 180° before it is moved; as kernels are learned, no library bothers. */
async function turnedKernel(lab: Lab): Promise<void> {
  // 12 · 345 digit by digit: the coefficients of a product of polynomials are the convolution of theirs.
  const [a, b] = [
    [3, 4, 5],
    [1, 2],
  ]
  const padded = [0, ...a, 0]
  const turned = b.toReversed()
  const [digits] = correlate([padded], [turned])
  const value = digits!.reduce((sum, digit) => 10 * sum + digit, 0)
  lab.print(
    `\nWith the kernel turned it is a convolution: ${a.join('')} · ${b.join('')} has the digits ${digits!.join(', ')}.`,
  )
  lab.check('345 convolved with 12 are the digits of their product', value === 345 * 12, String(value))
  lab.close('so they are by the library', await byLibrary([[padded]], [[[turned]]]), digits!, 0)
}
