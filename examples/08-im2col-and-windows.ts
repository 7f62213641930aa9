// Convolution as one matrix product (im2col), forward and backward; and as windows that don't know of each other, so that
// they can be computed in any order and by several threads at once.
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { data, functional, manualSeed, randn, type Tensor, tensor, tidy } from '../lib/index.js'
import { counted, type Matrix, matrix, rowsOf } from './support/arrays.js'
import { palette } from './support/charts.js'
import { experiment, type Lab } from './support/experiment.js'
import { expression, numberGrid } from './support/grids.js'
import { colourPicture, greyPicture } from './support/pictures.js'
import { captioned, picture, columns as sideBySide } from './support/report.js'
import { temporaryFolder, writeSamplePictures } from './support/sample-data.js'
import type { WindowShare } from './support/window-worker.js'
import { computeWindow, type WindowTask } from './support/windows.js'

interface Geometry {
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly kernel: readonly [number, number]
  readonly stride: number
  readonly padding: number
  readonly dilation: number
}

function outputSizes({ height, width, kernel, stride, padding, dilation }: Geometry): [number, number] {
  const size = (input: number, k: number) => Math.floor((input + 2 * padding - dilation * (k - 1) - 1) / stride) + 1
  return [size(height, kernel[0]), size(width, kernel[1])]
}

/** Calls `visit` with every place of the columns [C·kH·kW, H'·W'] and the place of x [C, H, W] that it shows. */
function eachPlace(geometry: Geometry, visit: (place: number, source: number) => void): void {
  const { channels, height, width, kernel, stride, padding, dilation } = geometry
  const [outHeight, outWidth] = outputSizes(geometry)
  let place = 0
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < kernel[0]; i++) {
      for (let j = 0; j < kernel[1]; j++) {
        for (let row = 0; row < outHeight; row++) {
          for (let column = 0; column < outWidth; column++, place++) {
            const [r, s] = [row * stride - padding + i * dilation, column * stride - padding + j * dilation]
            if (r >= 0 && r < height && s >= 0 && s < width) visit(place, (c * height + r) * width + s)
          }
        }
      }
    }
  }
}

/** Each window of a picture as a column: [C, H, W] → [C·kH·kW, H'·W']. What lies on padding stays 0. */
function im2col(x: ArrayLike<number>, geometry: Geometry): Float32Array {
  const [outHeight, outWidth] = outputSizes(geometry)
  const [kernelHeight, kernelWidth] = geometry.kernel
  const columns = new Float32Array(geometry.channels * kernelHeight * kernelWidth * outHeight * outWidth)
  eachPlace(geometry, (place, source) => {
    columns[place] = x[source]!
  })
  return columns
}

/** The way back: adds up what the windows have at each place. [C·kH·kW, H'·W'] → [C, H, W] */
function col2im(columns: ArrayLike<number>, geometry: Geometry): Float32Array {
  const x = new Float32Array(geometry.channels * geometry.height * geometry.width)
  eachPlace(geometry, (place, source) => {
    x[source]! += columns[place]!
  })
  return x
}

await experiment(
  import.meta.url,
  {
    title: 'Convolution as a matrix product, and as independent windows',
    question:
      'How does a convolution become one matrix product, and why can it be computed in any order and in parallel?',
  },
  async (lab) => {
    manualSeed(1)
    await smallest(lab)
    await forwardAndBackward(lab)
    await anyOrder(lab)
  },
)

/** The picture of 3×3 and the kernel of 2×2 with which everything began. */
async function smallest(lab: Lab): Promise<void> {
  const [x, kernel] = [counted(3, 3, 0), counted(2, 2, 0)]
  const geometry: Geometry = { channels: 1, height: 3, width: 3, kernel: [2, 2], stride: 1, padding: 0, dilation: 1 }
  const columns = rowsOf(im2col(x.flat(), geometry), 4)
  lab.print(`The windows of ${JSON.stringify(x)} as columns: ${JSON.stringify(columns)}`)
  using y = tidy(() => tensor([kernel.flat()]).matmul(tensor(columns))) // [1, 4] · [4, 4]
  lab.print(`The kernel as a row, [${kernel.flat()}], times that: [${await y.data()}]`)
  lab.close('the product is the cross-correlation', await y.data(), [19, 25, 37, 43], 0)
  const colours = ['#cfe3f3', '#fbd9bd', '#cdeadf', '#f0dcea']
  const byColumn = (_: number, column: number) => colours[column]
  lab.section(
    'Each window a column',
    expression(
      numberGrid(x, { caption: 'x; the first window', fill: (r, c) => (r < 2 && c < 2 ? colours[0] : '#fff') }),
      '→',
      numberGrid([kernel.flat()], { caption: 'kernel', fill: () => '#fff' }),
      '·',
      numberGrid(columns, { caption: 'windows', fill: byColumn }),
      '=',
      numberGrid([Array.from(await y.data())], { caption: 'y, row by row', fill: byColumn }),
    ),
  )
}

/** y = W · columns; so dW = dy · columnsᵀ, and dcolumns = Wᵀ · dy, which col2im turns into dx. Batches one by one. */
async function forwardAndBackward(lab: Lab): Promise<void> {
  const size = lab.isShort ? { height: 17, width: 23 } : { height: 57, width: 83 }
  const cases: readonly [string, Geometry][] = [
    ['3×3', { channels: 3, ...size, kernel: [3, 3], stride: 1, padding: 0, dilation: 1 }],
    ['3×5, padding 2', { channels: 6, ...size, kernel: [3, 5], stride: 1, padding: 2, dilation: 1 }],
    [
      '5×3, stride 2, padding 1, dilation 2',
      { channels: 4, ...size, kernel: [5, 3], stride: 2, padding: 1, dilation: 2 },
    ],
  ]
  const [n, filters] = [2, 8]
  for (const [about, geometry] of cases) {
    const { channels, height, width, kernel, stride, padding, dilation } = geometry
    const [outHeight, outWidth] = outputSizes(geometry)
    const [window, places] = [channels * kernel[0] * kernel[1], outHeight * outWidth]
    using x = randn([n, channels, height, width], { requiresGrad: true })
    using weight = randn([filters, channels, ...kernel], { requiresGrad: true })
    using dy = randn([n, filters, outHeight, outWidth])
    using library = tidy(() => {
      const y = functional.conv2d(x, weight, null, { stride, padding, dilation })
      y.backward({ gradient: dy })
      return y.detach()
    })

    const pixels = await x.data()
    const own: { y: number[]; dx: number[] } = { y: [], dx: [] }
    let dw: Tensor | undefined // [O, C·kH·kW], added up over the batch
    for (let i = 0; i < n; i++) {
      const picture = pixels.subarray(i * channels * height * width, (i + 1) * channels * height * width)
      const columns = tensor(im2col(picture, geometry), { shape: [window, places] })
      const [y, dcolumns, dwSum] = tidy((): [Tensor, Tensor, Tensor] => {
        const w = weight.detach().reshape([filters, window])
        const d = dy.narrow(0, i, 1).reshape([filters, places])
        const dwOne = d.matmul(columns.transpose(0, 1))
        return [w.matmul(columns), w.transpose(0, 1).matmul(d), dw ? dw.add(dwOne) : dwOne]
      })
      own.y.push(...(await y.data()))
      own.dx.push(...col2im(await dcolumns.data(), geometry))
      for (const old of [columns, y, dcolumns, dw]) old?.dispose()
      dw = dwSum
    }
    lab.print(`\n${about}: ${n} pictures of [${channels}, ${height}, ${width}], columns of [${window}, ${places}]`)
    using dx = x.grad!
    using dwLibrary = weight.grad!
    await closeTo(lab, 'y = W · columns', own.y, library)
    await closeTo(lab, 'dx = col2im(Wᵀ · dy)', own.dx, dx)
    await closeTo(lab, 'dw = dy · columnsᵀ', await dw!.data(), dwLibrary)
    dw!.dispose()
  }
}

/** float32 carries 24 bits, of the largest number of a sum. */
async function closeTo(lab: Lab, claim: string, own: ArrayLike<number>, library: Tensor): Promise<void> {
  const expected = await library.data()
  const largest = Array.from(expected, Math.abs).reduce((a, b) => Math.max(a, b), 0)
  lab.close(claim, own, expected, 1e-5 * largest)
}

/** One picture through two filters, its windows in order, in a random order, and by several threads at once. */
async function anyOrder(lab: Lab): Promise<void> {
  const size = lab.isShort ? 96 : 384
  const { image, task } = await photograph(size)
  const [outSize, count] = [size - task.kernel + 1, task.y.length]
  const scale = lab.isShort ? 4 : 1
  /** What the first filter has made so far. */
  const edges = () => greyPicture(strengths(task.y.subarray(0, outSize * outSize)), outSize, outSize, scale)
  using library = tidy(() => {
    const x = tensor(new Float32Array(task.x), { shape: [task.channels, size, size] })
    const weight = tensor(new Float32Array(task.weight), { shape: [2, task.channels, task.kernel, task.kernel] })
    return functional.conv2d(x, weight)
  })
  lab.print(`\nA picture of [3, ${size}, ${size}] and two filters of 5×5: ${count.toLocaleString('en')} windows`)

  const inOrder = Uint32Array.from({ length: count }, (_, i) => i)
  const start = performance.now()
  for (const index of inOrder) computeWindow(task, index, 0)
  const oneThread = performance.now() - start
  const first = Float32Array.from(task.y)
  await closeTo(lab, 'window by window, the picture is that of the library', first, library)

  const shuffled = shuffle(inOrder, lab.random(1))
  task.y.fill(0)
  const stages: string[] = []
  for (const [i, index] of shuffled.entries()) {
    computeWindow(task, index, 0)
    if ([0.1, 0.5, 1].some((share) => i + 1 === Math.round(share * count))) {
      stages.push(await edges())
    }
  }
  lab.check('in a random order they give the same picture, bit by bit', isSame(task.y, first), `${count} numbers`)

  const workers = 4
  task.y.fill(0)
  const threadTime = await inParallel(task, shuffled, workers)
  lab.check(
    `by ${workers} threads at once they give the same picture, bit by bit`,
    isSame(task.y, first),
    `${count} numbers`,
  )
  const shares = new Map<number, number>()
  for (const thread of task.threads) shares.set(thread, (shares.get(thread) ?? 0) + 1)
  const parts = [...shares].sort(([a], [b]) => a - b).map(([thread, share]) => `${share} by thread ${thread}`)
  const [least, most] = [Math.min(...shares.values()), Math.max(...shares.values())]
  lab.check(
    'each thread computed its share, and this one none',
    shares.size === workers && most - least <= 1 && !shares.has(0),
    parts.join(', '),
  )
  lab.print(
    `one thread ${oneThread.toFixed(0)} ms; ${workers} threads ${threadTime.toFixed(0)} ms, on ${availableParallelism()} cores`,
  )

  const captions = ['a tenth of the windows', 'half of them', 'all']
  const shown = stages.map((source, i) => captioned(captions[i]!, picture(source, captions[i]!)))
  lab.section('In a random order', sideBySide(...shown))
  lab.section(
    'By four threads',
    sideBySide(
      captioned('The picture', picture(await colourPicture(image, size, size, scale), 'the picture')),
      captioned(
        'Which thread computed what, enlarged',
        picture(await threadColours(task, [...shares.keys()], outSize), 'windows by thread'),
      ),
      captioned('What they made together', picture(await edges(), 'its edges')),
    ),
    'No window needs what another one computes, and each writes a place of its own; no lock is needed. This is what a ' +
      'GPU does with thousands of threads.',
  )
}

/** A drawn cat, and Sobel's two filters stretched to 5×5, over all channels; all in memory that threads can share. */
async function photograph(size: number): Promise<{ image: Uint8Array; task: WindowTask }> {
  const folder = await writeSamplePictures(temporaryFolder(), { train: 1, test: 1 })
  const { data: bytes } = await data.readImage(path.join(folder, 'train', 'cat', 'cat.0.jpg'), { size })
  const image = Uint8Array.from(bytes)
  const [channels, kernel, outSize] = [3, 5, size - 4]
  const across = matrix(5, 5, (row, column) => [1, 2, 3, 2, 1][row]! * [-1, -2, 0, 2, 1][column]!)
  const filters: Matrix[] = [across, matrix(5, 5, (row, column) => across[column]![row]!)]
  const shared = (length: number) => new Float32Array(new SharedArrayBuffer(4 * length))
  const task: WindowTask = {
    x: shared(image.length),
    weight: shared(2 * channels * kernel * kernel),
    y: shared(2 * outSize * outSize),
    threads: new Int32Array(new SharedArrayBuffer(8 * outSize * outSize)),
    channels,
    height: size,
    width: size,
    kernel,
  }
  task.x.set(Float32Array.from(image, (value) => value / 255))
  task.weight.set(filters.flatMap((filter) => Array.from({ length: channels }, () => filter.flat()).flat()))
  return { image, task }
}

/** Starts threads that wait for each other, then share the windows: milliseconds from the first's beginning to the last's end. */
async function inParallel(task: WindowTask, order: Uint32Array, count: number): Promise<number> {
  const ready = new Int32Array(new SharedArrayBuffer(4))
  const times = new Float64Array(new SharedArrayBuffer(16 * count)) // [count, 2]
  const ends = Array.from({ length: count }, (_, first) => {
    const workerData: WindowShare = { task, order, first, step: count, ready, count, times }
    const worker = new Worker(new URL('./support/window-worker.js', import.meta.url), { workerData })
    return new Promise<void>((resolve, reject) => {
      worker.once('error', reject)
      worker.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))))
    })
  })
  await Promise.all(ends)
  return Math.max(...times) - Math.min(...times)
}

/** Fisher and Yates: every order is equally likely. */
function shuffle(values: Uint32Array, random: () => number): Uint32Array {
  const shuffled = values.slice()
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const value = shuffled[i]!
    shuffled[i] = shuffled[j]!
    shuffled[j] = value
  }
  return shuffled
}

function isSame(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]))
}

/** Magnitudes as grey bytes. */
function strengths(values: Float32Array): Uint8Array {
  return Uint8Array.from(values, (value) => Math.min(255, 12 * Math.abs(value)))
}

/** The corner of 32×32 windows of the first filter, each in its thread's colour. */
function threadColours(task: WindowTask, threads: readonly number[], outSize: number): Promise<string> {
  const side = 32
  const rgb = palette.map((hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)))
  const planes = [0, 1, 2].flatMap((channel) =>
    matrix(side, side, (row, column) => {
      const thread = task.threads[row * outSize + column]!
      return rgb[threads.indexOf(thread) % rgb.length]![channel]!
    }).flat(),
  )
  return colourPicture(planes, side, side, 11)
}
