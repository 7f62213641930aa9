// Edges: a kernel of two numbers finds them, and from a picture and its edges the two numbers are learned.
import path from 'node:path'
import { data, functional, manualSeed, nn, noGrad, optim, type Tensor, tensor, tidy } from '../lib/index.js'
import { type Matrix, matrix, rowsOf } from './support/arrays.js'
import { descentChart, lineChart } from './support/charts.js'
import { experiment, type Lab } from './support/experiment.js'
import { expression, numberGrid, numberText } from './support/grids.js'
import { greyPicture } from './support/pictures.js'
import { captioned, columns, picture } from './support/report.js'
import { temporaryFolder, writeSamplePictures } from './support/sample-data.js'

/** White, with a black bar over four of eight columns: [6, 8]. */
const bar = matrix(6, 8, (_, column) => (column >= 2 && column < 6 ? 0 : 1))
/** The difference of neighbours: 0 where nothing changes. */
const kernel = [[1, -1]]

await experiment(
  import.meta.url,
  {
    title: 'Edge detection',
    question: 'How does a kernel find edges, and can it be learned from a picture and its edges?',
  },
  async (lab) => {
    const edges = await findEdges(lab)
    await learnKernel(lab, edges)
    await edgesOfPhotograph(lab)
  },
)

/** [H, W] ⋆ [kH, kW] by the library. */
async function correlate(x: Matrix, kernel: Matrix): Promise<Matrix> {
  using y = tidy(() => functional.conv2d(tensor([x]), tensor([[kernel]])))
  return rowsOf(await y.data(), y.shape[2]!)
}

async function findEdges(lab: Lab): Promise<Matrix> {
  const edges = await correlate(bar, kernel)
  lab.print('A picture of 6×8, and its cross-correlation with [1, −1], 6×7:')
  for (const [i, row] of bar.entries()) {
    lab.print(`${row.join(' ')}     ${edges[i]!.map((value) => numberText(value).padStart(2)).join(' ')}`)
  }
  const expected = matrix(6, 7, (_, column) => (column === 1 ? 1 : column === 5 ? -1 : 0))
  lab.close('1 where white turns black, −1 where black turns white, else 0', edges, expected, 0)

  // The picture on its side has horizontal edges only: along its rows nothing changes.
  const turned = matrix(8, 6, (row, column) => bar[column]![row]!)
  lab.close(
    'the kernel is blind to horizontal edges',
    await correlate(turned, kernel),
    matrix(8, 5, () => 0),
    0,
  )
  const upright = await correlate(turned, [[1], [-1]])
  lab.close(
    'the kernel put upright finds them',
    upright,
    matrix(7, 6, (row, column) => expected[column]![row]!),
    0,
  )
  const shown = (values: Matrix, caption: string) => numberGrid(values, { caption, cell: 28 })
  const grey = {
    caption: 'x: 1 is white, 0 is black',
    cell: 28,
    fill: (r: number, c: number) => (bar[r]![c] ? '#fff' : '#8a949e'),
  }
  lab.section(
    'The bar and its edges',
    expression(numberGrid(bar, grey), '⋆', shown(kernel, 'kernel'), '=', shown(edges, 'y: the edges')),
  )
  return edges
}

/** Ten steps down the gradient of the squared error, at a rate of 3e-2, from random weights. */
async function learnKernel(lab: Lab, edges: Matrix): Promise<void> {
  manualSeed(1)
  using x = tensor([[bar]]) // [1, 1, 6, 8]
  using target = tensor([[edges]]) // [1, 1, 6, 7]
  using conv = new nn.Conv2d(1, 1, [1, 2], { bias: false })
  const optimizer = new optim.SGD(conv.parameters(), { lr: 3e-2 })
  const kernels = [Array.from(await conv.weight.data())]
  const losses: number[] = []
  lab.print('\nNow the kernel is unknown. Learned from the picture and its edges, rate 3e-2:')
  lab.print(`iteration  0               kernel ${vector(kernels[0]!)}`)
  for (let iteration = 1; iteration <= 10; iteration++) {
    using loss = tidy(() => {
      optimizer.zeroGrad()
      const loss = conv.forward(x).sub(target).square().sum()
      loss.backward()
      optimizer.step()
      return loss
    })
    losses.push(await loss.item())
    kernels.push(Array.from(await conv.weight.data()))
    if (iteration % 2 === 0) {
      const words = `loss ${losses.at(-1)!.toFixed(3).padStart(6)}`
      lab.print(`iteration ${String(iteration).padStart(2)}  ${words}  kernel ${vector(kernels.at(-1)!)}`)
    }
  }
  const learned = kernels.at(-1)!
  lab.figure(vector(learned), 'the learned kernel')
  lab.check(
    'every loss is below the one before',
    losses.every((loss, i) => i === 0 || loss < losses[i - 1]!),
    `${losses[0]!.toFixed(2)} → ${losses.at(-1)!.toFixed(4)}`,
  )
  lab.close('the learned kernel is close to [1, −1]', learned, [1, -1], 0.1)

  // The loss is a bowl over the two weights: its sections are ellipses, steep along (1, 1) and flat along (1, −1).
  const lossOf = (a: number, b: number) => {
    let sum = 0
    for (const [i, row] of edges.entries()) {
      for (const [j, y] of row.entries()) sum += (a * bar[i]![j]! + b * bar[i]![j + 1]! - y) ** 2
    }
    return sum
  }
  lab.close(
    'the loss of the library is the sum of squared errors',
    losses[0]!,
    lossOf(kernels[0]![0]!, kernels[0]![1]!),
    1e-3,
  )
  const points = losses.map((loss, i) => [i, loss] as const)
  lab.section(
    'Ten steps',
    columns(
      lineChart([{ name: 'squared error', points, dots: true }], {
        x: 'steps made',
        y: 'loss',
        xDomain: [0, 9],
        width: 480,
      }),
      descentChart(lossOf, kernels, { x: 'first weight', y: 'second weight', xDomain: [-1, 1.5], yDomain: [-1.5, 1] }),
    ),
    'Right: lines of equal loss over the two weights, and the way from the random kernel to [1, −1]. Across the valley ' +
      'each step overshoots and the kernel swings from side to side; along it, it creeps.',
  )
}

/** The same two numbers on a picture of many edges. */
async function edgesOfPhotograph(lab: Lab): Promise<void> {
  const size = 128
  const folder = await writeSamplePictures(temporaryFolder(), { train: 1, test: 1 })
  const file = path.join(folder, 'train', 'cat', 'cat.0.jpg')
  const image = await data.readImage(file, { size })
  const { grey, vertical, horizontal } = tidy(() =>
    noGrad(() => {
      const grey = tensor(Uint8Array.from(image.data), { shape: [1, ...image.shape] })
        .to('float32')
        .mean(1, { keepdim: true })
      const strength = (weights: Tensor) => functional.conv2d(grey, weights).abs()
      const difference = tensor([[kernel]]) // [1, 1, 1, 2]
      return { grey, vertical: strength(difference), horizontal: strength(difference.transpose(2, 3)) }
    }),
  )
  const bytes = async (x: Tensor, gain = 1) => Uint8Array.from(await x.data(), (value) => Math.min(255, gain * value))
  const pictures = [
    captioned('The picture, grey', picture(await greyPicture(await bytes(grey), size, size, 2), 'a drawn cat')),
    captioned('[1, −1]', picture(await greyPicture(await bytes(vertical, 3), size - 1, size, 2), 'its vertical edges')),
    captioned(
      'Put upright',
      picture(await greyPicture(await bytes(horizontal, 3), size, size - 1, 2), 'its horizontal edges'),
    ),
  ]
  // A difference of neighbours adds up, along a row, to the first minus the last: edges tell the picture but for a constant.
  const signed = tidy(() => functional.conv2d(grey, tensor([[kernel]])).sum(3))
  const ends = tidy(() => grey.narrow(3, 0, 1).sub(grey.narrow(3, size - 1, 1)))
  lab.close('the edges of a row add up to its first pixel minus its last', await signed.data(), await ends.data(), 0.01)
  lab.section('The same kernel on a drawn cat', columns(...pictures))
  for (const x of [grey, vertical, horizontal, signed, ends]) x.dispose()
}

function vector(values: readonly number[]): string {
  return `[${values.map((value) => numberText(Number(value.toFixed(3)))).join(', ')}]`
}
