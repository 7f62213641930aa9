// Pooling: the maximum or the mean of each window, in loops and by the library, with every option.
import { functional, noGrad, type Tensor, tensor, tidy } from '../lib/index.js'
import { counted, type Matrix, matrix, planes } from './support/arrays.js'
import { experiment, type Lab } from './support/experiment.js'
import { expression, numberGrid } from './support/grids.js'

type Pair = readonly [height: number, width: number]

interface PoolOptions {
  readonly stride?: Pair
  readonly padding?: Pair
  readonly dilation?: Pair
  /** Keep a last window that is only partly filled. */
  readonly ceilMode?: boolean
}

type Mode = 'max' | 'mean'

/** Values, and for the maximum where it was: row by row in the plane. */
interface Pooled {
  readonly y: Matrix
  readonly indices: Matrix
}

/** How many windows lie in one dimension; with ceilMode also one that begins on the input but ends beyond. */
function windowCount(size: number, kernel: number, stride: number, padding: number, dilation: number, ceil: boolean) {
  const room = size + 2 * padding - dilation * (kernel - 1) - 1
  const count = (ceil ? Math.ceil : Math.floor)(room / stride) + 1
  const last = (count - 1) * stride - padding
  return ceil && last >= size ? count - 1 : count // a window on padding alone has nothing to say
}

/** Pools one plane [H, W]. No window leaves its plane: pooling never mixes channels. */
function pool(x: Matrix, mode: Mode, kernel: Pair, options: PoolOptions = {}): Pooled {
  const { stride = kernel, padding = [0, 0], dilation = [1, 1], ceilMode = false } = options
  const [height, width] = [x.length, x[0]!.length]
  const count = (axis: 0 | 1) =>
    windowCount([height, width][axis]!, kernel[axis], stride[axis], padding[axis], dilation[axis], ceilMode)
  const indices = matrix(count(0), count(1), () => -1)
  const y = matrix(count(0), count(1), (row, column) => {
    let [largest, sum, elements] = [Number.NEGATIVE_INFINITY, 0, 0]
    for (let i = 0; i < kernel[0]; i++) {
      for (let j = 0; j < kernel[1]; j++) {
        const [r, c] = [
          row * stride[0] - padding[0] + i * dilation[0],
          column * stride[1] - padding[1] + j * dilation[1],
        ]
        // Padding counts as zeros for a mean, but what ceilMode adds beyond it does not count.
        if (r < height + padding[0] && c < width + padding[1]) elements++
        const value = x[r]?.[c]
        if (value === undefined) continue
        sum += value
        if (value > largest) {
          largest = value
          indices[row]![column] = r * width + c
        }
      }
    }
    return mode === 'max' ? largest : sum / elements
  })
  return { y, indices }
}

await experiment(
  import.meta.url,
  {
    title: 'Pooling',
    question: 'What do maximum and average pooling keep of a picture, and what does each option change?',
  },
  async (lab) => {
    await classics(lab)
    await options(lab)
    await channels(lab)
    await indices(lab)
    await shifted(lab)
  },
)

/** Planes [C, H, W] pooled by the library. */
async function byLibrary(x: Matrix[], mode: Mode, kernel: Pair, { dilation, ...options }: PoolOptions = {}) {
  using y = tidy(() =>
    noGrad(() =>
      mode === 'max'
        ? functional.maxPool2d(tensor(x), kernel, { ...options, ...(dilation ? { dilation } : {}) })
        : functional.avgPool2d(tensor(x), kernel, options),
    ),
  )
  return { shape: y.shape, data: await y.data() }
}

/** Loops, library and what is written down must agree, in shape too. */
async function agree(lab: Lab, claim: string, x: Matrix, mode: Mode, kernel: Pair, options: PoolOptions, y: Matrix) {
  const loops = pool(x, mode, kernel, options).y
  const library = await byLibrary([x], mode, kernel, options)
  const isShape = library.shape.join() === [1, y.length, y[0]!.length].join()
  lab.check(
    `${claim}: ${JSON.stringify(y)}`,
    isShape && JSON.stringify(loops) === JSON.stringify(y) && [...library.data].join() === y.flat().join(),
  )
}

async function classics(lab: Lab): Promise<void> {
  const nine = counted(3, 3, 0)
  const stride: Pair = [1, 1]
  lab.print(`Of ${JSON.stringify(nine)}, loops and library take`)
  const [maxima, means] = [pool(nine, 'max', [2, 2], { stride }).y, pool(nine, 'mean', [2, 2], { stride }).y]
  await agree(lab, 'the maxima of windows of 2×2, each a step apart', nine, 'max', [2, 2], { stride }, [
    [4, 5],
    [7, 8],
  ])
  await agree(lab, 'their means', nine, 'mean', [2, 2], { stride }, [
    [2, 3],
    [5, 6],
  ])

  const sixteen = counted(4, 4, 1)
  lab.print('\nOf 1 … 16 in four rows')
  await agree(lab, 'windows of 2×2 side by side', sixteen, 'max', [2, 2], {}, [
    [6, 8],
    [14, 16],
  ])
  await agree(lab, 'their means', sixteen, 'mean', [2, 2], {}, [
    [3.5, 5.5],
    [11.5, 13.5],
  ])
  await agree(lab, 'one window of 3×3, as the next would not fit', sixteen, 'max', [3, 3], {}, [[11]])
  await agree(lab, '3×3, padding 1, stride 2', sixteen, 'max', [3, 3], { padding: [1, 1], stride: [2, 2] }, [
    [6, 8],
    [14, 16],
  ])
  await agree(lab, '2×3, padding (1, 1), stride (2, 3)', sixteen, 'max', [2, 3], { padding: [1, 1], stride: [2, 3] }, [
    [2, 4],
    [10, 12],
    [14, 16],
  ])

  const colours = ['#cfe3f3', '#fbd9bd', '#cdeadf', '#f0dcea']
  const quarter = (row: number, column: number) => colours[2 * row + column]!
  const inQuarters = { caption: 'x', fill: (r: number, c: number) => quarter(Math.floor(r / 2), Math.floor(c / 2)) }
  const result = (values: Matrix, caption: string) => numberGrid(values, { caption, fill: quarter })
  lab.section(
    'Windows of 2×2 side by side, and a step apart',
    expression(
      numberGrid(sixteen, inQuarters),
      '→',
      result(pool(sixteen, 'max', [2, 2]).y, 'maxima'),
      result(pool(sixteen, 'mean', [2, 2]).y, 'means'),
    ) +
      expression(
        numberGrid(nine, { caption: 'x; the first window', fill: (r, c) => (r < 2 && c < 2 ? colours[0] : '#fff') }),
        '→',
        result(maxima, 'maxima, stride 1'),
        result(means, 'means, stride 1'),
      ),
  )
}

/** Each option on a random plane of uneven sizes, [11, 14]. */
async function options(lab: Lab): Promise<void> {
  const cases: readonly [Mode, string, Pair, PoolOptions][] = [
    ['max', 'windows of 2×2', [2, 2], {}],
    ['max', 'a stride below the window: they overlap', [3, 3], { stride: [2, 2] }],
    ['max', 'a stride above the window: some is never seen', [2, 2], { stride: [3, 4] }],
    ['max', 'padding, which is never the maximum', [3, 3], { padding: [1, 1] }],
    ['max', 'windows that are no squares', [2, 3], { stride: [2, 3], padding: [1, 1] }],
    ['max', 'ceil mode: a last window half filled', [3, 3], { stride: [2, 2], ceilMode: true }],
    ['max', 'dilation: every second row and third column', [2, 3], { dilation: [2, 3] }],
    ['max', 'all of it', [3, 2], { stride: [2, 1], padding: [1, 1], dilation: [2, 3], ceilMode: true }],
    ['mean', 'windows of 2×2', [2, 2], {}],
    ['mean', 'a stride below the window', [3, 3], { stride: [2, 2] }],
    ['mean', 'padding, which counts as zeros', [3, 3], { padding: [1, 1] }],
    ['mean', 'ceil mode, whose extra elements do not count', [3, 3], { stride: [2, 2], ceilMode: true }],
    ['mean', 'all of it', [3, 4], { stride: [2, 3], padding: [1, 2], ceilMode: true }],
  ]
  const random = lab.random(1)
  const x = matrix(11, 14, () => 2 * random() - 1)
  lab.print('\nA random plane of 11×14:')
  const rows: string[][] = []
  for (const [mode, about, kernel, options] of cases) {
    const { y } = pool(x, mode, kernel, options)
    const library = await byLibrary([x], mode, kernel, options)
    const name = mode === 'max' ? 'maximum' : 'mean'
    const shape = `${y.length}×${y[0]!.length}`
    const isShape = library.shape.slice(1).join('×') === shape
    lab.close(`${name}, ${about}`, isShape ? library.data : [], y, 1e-6)
    const words = Object.entries(options).map(([option, value]) => (value === true ? option : `${option} ${value}`))
    rows.push([name, kernel.join('×'), words.join('; '), shape])
  }
  lab.table(['pooling', 'window', 'options', 'output'], rows)
}

/** Each channel is pooled by itself: there are as many after as before, and no weights. */
async function channels(lab: Lab): Promise<void> {
  const random = lab.random(2)
  const [count, height, width] = lab.isShort ? [3, 37, 53] : [64, 149, 203]
  const x = planes(count, height, width, () => 2 * random() - 1)
  lab.print(`\n${count} channels of ${height}×${width}, windows of 3×3, stride 2, padding 1:`)
  const options: PoolOptions = { stride: [2, 2], padding: [1, 1] }
  for (const mode of ['max', 'mean'] as const) {
    const loops = x.map((plane) => pool(plane, mode, [3, 3], options).y)
    const { shape, data } = await byLibrary(x, mode, [3, 3], options)
    const expected = [count, loops[0]!.length, loops[0]![0]!.length]
    const isShape = shape.join() === expected.join()
    lab.close(
      `${mode === 'max' ? 'maxima' : 'means'} of each channel, [${shape}]`,
      isShape ? data : [],
      loops.flat(),
      1e-6,
    )
  }
}

/** Where each maximum was: there its gradient goes, and there unpooling puts it back. */
async function indices(lab: Lab): Promise<void> {
  const x = [
    [1, 9, 2, 3],
    [4, 5, 8, 6],
    [7, 0, 1, 2],
    [3, 6, 5, 4],
  ]
  const { y, indices } = pool(x, 'max', [2, 2])
  const [maxima, places, back, gradient] = tidy((): [Tensor, Tensor, Tensor, Tensor] => {
    const input = tensor([x], { requiresGrad: true })
    const [maxima, places] = functional.maxPool2d(input, 2, { returnIndices: true })
    const back = functional.maxUnpool2d(maxima, places, 2)
    maxima.sum().backward()
    return [maxima.detach(), places, back.detach(), input.grad!]
  })
  lab.print(`\nThe maxima ${JSON.stringify(y)} are at ${JSON.stringify(indices)}, counted row by row.`)
  lab.close('loops and library find the maxima at the same places', await places.data(), indices, 0)
  const kept = matrix(4, 4, (row, column) => (indices.flat().includes(4 * row + column) ? x[row]![column]! : 0))
  lab.close('unpooling puts each where it was, among zeros', await back.data(), kept, 0)
  lab.close(
    'the gradient goes to the maxima alone',
    await gradient.data(),
    kept.map((row) => row.map(Math.sign)),
    0,
  )
  const random = lab.random(3)
  const large = matrix(23, 31, () => random())
  const options: PoolOptions = { stride: [2, 1], padding: [1, 1], dilation: [1, 2], ceilMode: true }
  const [found, library] = tidy(() =>
    functional.maxPool2d(tensor([large]), [3, 2], { ...options, returnIndices: true }),
  )
  lab.close(
    'also with stride, padding, dilation and ceil mode',
    await library.data(),
    pool(large, 'max', [3, 2], options).indices,
    0,
  )
  for (const t of [maxima, places, back, gradient, found, library]) t.dispose()
  lab.section(
    'Down, and up again',
    expression(
      numberGrid(x, { caption: 'x', fill: (r, c) => (kept[r]![c] ? '#fbd9bd' : '#fff') }),
      '→',
      numberGrid(y, { caption: 'maxima' }),
      numberGrid(indices, { caption: 'their places', fill: () => '#fff' }),
      '→',
      numberGrid(kept, { caption: 'unpooled' }),
    ),
  )
}

/** What pooling is for: a pattern that moved a little gives nearly the same. */
async function shifted(lab: Lab): Promise<void> {
  const [size, random] = [32, lab.random(4)]
  // Few bright points, far from the border so that all stay on the picture when it moves by one.
  const points = new Set(Array.from({ length: 24 }, () => Math.floor(random() * 900)))
  const x = matrix(size, size, (r, c) =>
    r > 0 && c > 0 && r < 31 && c < 31 && points.has((r - 1) * 30 + c - 1) ? 1 : 0,
  )
  const moved = matrix(size, size, (r, c) => x[r]![c - 1] ?? 0)
  const [before, after] = [x, moved].map((picture) => pool(picture, 'max', [4, 4]).y) as [Matrix, Matrix]
  /** The share of what was bright that is bright still. */
  const kept = (a: Matrix, b: Matrix) => {
    const bright = a.flatMap((row, i) => row.flatMap((value, j) => (value ? [b[i]![j]!] : [])))
    return bright.reduce((sum, value) => sum + value, 0) / bright.length
  }
  const [pixels, maxima] = [kept(x, moved), kept(before, after)]
  const measured = `${percent(pixels)} of the bright pixels and ${percent(maxima)} of the bright maxima stay bright`
  lab.print(`\n${points.size} bright points move by one pixel to the right:`)
  lab.check('maxima survive a move that no pixel survives', pixels < 0.1 && maxima > 0.6, measured)
  const dots = (values: Matrix, caption: string, cell: number) =>
    numberGrid(values, { caption, cell, text: () => '', fill: (r, c) => (values[r]![c] ? '#1c2733' : '#fff') })
  lab.section(
    'A pattern moves by one pixel',
    expression(
      dots(x, 'before', 7),
      '→',
      dots(before, 'maxima', 28),
      dots(moved, 'after', 7),
      '→',
      dots(after, 'maxima', 28),
    ),
  )
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`
}
