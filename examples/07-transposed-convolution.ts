// Transposed convolution: each number of the input spreads over a window of the output. Written as loops, compared with
// the library, and trained to enlarge pictures.
import { data, functional, manualSeed, nn, noGrad, optim, type Tensor, tensor, tidy } from '../lib/index.js'
import { counted, type Matrix, matrix, planes, rowsOf } from './support/arrays.js'
import { lineChart } from './support/charts.js'
import { experiment, type Lab } from './support/experiment.js'
import { expression, numberGrid } from './support/grids.js'
import { greyPicture } from './support/pictures.js'
import { gallery } from './support/report.js'

const { DataLoader, FashionMNIST, subset } = data

/** One plane [H, W]: each number times the kernel, laid down a stride further and added up. */
function spread(x: Matrix, kernel: Matrix, stride: number): Matrix {
  const sizes = [x.length, x[0]!.length].map((size, axis) => (size - 1) * stride + [kernel, kernel[0]!][axis]!.length)
  const y = matrix(sizes[0]!, sizes[1]!, () => 0)
  for (const [row, values] of x.entries()) {
    for (const [column, value] of values.entries()) {
      for (const [i, weights] of kernel.entries()) {
        for (const [j, weight] of weights.entries()) y[row * stride + i]![column * stride + j]! += value * weight
      }
    }
  }
  return y
}

await experiment(
  import.meta.url,
  {
    title: 'Transposed convolution',
    question: 'How does a convolution run backwards make a picture larger, and can it learn to do it well?',
    fullMinutes: 1,
  },
  async (lab) => {
    await spreads(lab)
    await isTransposed(lab)
    await shapes(lab)
    await learnsToEnlarge(lab)
  },
)

/** The smallest case, drawn number by number. */
async function spreads(lab: Lab): Promise<void> {
  const [x, kernel] = [counted(2, 2, 0), counted(2, 2, 0)]
  const known: Record<number, Matrix> = {
    1: [
      [0, 0, 1],
      [0, 4, 6],
      [4, 12, 9],
    ],
    2: [
      [0, 0, 0, 1],
      [0, 0, 2, 3],
      [0, 2, 0, 3],
      [4, 6, 6, 9],
    ],
  }
  for (const stride of [1, 2]) {
    const y = spread(x, kernel, stride)
    lab.print(`${JSON.stringify(x)} spread by ${JSON.stringify(kernel)}, stride ${stride}: ${JSON.stringify(y)}`)
    lab.close(`stride ${stride}: the loops give what is done by hand`, y, known[stride]!, 0)
    using library = tidy(() => functional.convTranspose2d(tensor([x]), tensor([[kernel]]), null, { stride }))
    lab.close(`stride ${stride}: so does the library`, await library.data(), y, 0)

    // What each number of x adds: the spread of a picture that has this number only.
    const parts = x.flatMap((row, i) =>
      row.map((value, j) => {
        const alone = matrix(2, 2, (r, c) => (r === i && c === j ? value : 0))
        const isUnder = (r: number, c: number) =>
          r >= i * stride && r < i * stride + 2 && c >= j * stride && c < j * stride + 2
        return numberGrid(spread(alone, kernel, stride), {
          caption: `${value} · kernel`,
          cell: 28,
          fill: (r, c) => (isUnder(r, c) ? '#cfe3f3' : '#fff'),
          text: (r, c) => (isUnder(r, c) ? String(value * kernel[r - i * stride]![c - j * stride]!) : ''),
        })
      }),
    )
    lab.section(
      `How it spreads, stride ${stride}`,
      expression(
        numberGrid(x, { caption: 'x', cell: 28 }),
        numberGrid(kernel, { caption: 'kernel', cell: 28 }),
        '→',
        ...parts.flatMap((part, i) => (i === 0 ? [part] : ['+', part])),
        '=',
        numberGrid(y, { caption: 'y', cell: 28 }),
      ),
      stride === 1
        ? 'Each number of x is multiplied by the whole kernel; where the products overlap, they are added.'
        : 'A stride of 2 lays them two apart, so a kernel of 2×2 leaves no overlap.',
    )
  }
}

/** A convolution is a matrix; this is its transpose, which is why a convolution's gradient is one. */
async function isTransposed(lab: Lab): Promise<void> {
  const kernel = counted(2, 2, 1)
  // Row by row: which numbers of x [3, 3] make up each number of y [2, 2].
  const asMatrix = matrix(4, 9, (y, x) => {
    const [i, j] = [Math.floor(x / 3) - Math.floor(y / 2), (x % 3) - (y % 2)]
    return kernel[i]?.[j] ?? 0
  })
  const [x, y] = [counted(3, 3, 0), counted(2, 2, 1)]
  const { forward, back, product, productOfTransposed } = tidy(() => {
    const weights = tensor([[kernel]])
    const linear = tensor(asMatrix) // [4, 9]
    return {
      forward: functional.conv2d(tensor([x]), weights),
      back: functional.convTranspose2d(tensor([y]), weights),
      product: linear.matmul(tensor(x).reshape([9, 1])),
      productOfTransposed: linear.transpose(0, 1).matmul(tensor(y).reshape([4, 1])),
    }
  })
  lab.print('\nA convolution of 3×3 to 2×2 is a matrix of 4×9; its transpose, of 9×4, leads from 2×2 back to 3×3.')
  lab.close('the matrix gives the convolution', await product.data(), await forward.data(), 0)
  lab.close('its transpose gives the transposed convolution', await productOfTransposed.data(), await back.data(), 0)
  for (const each of [forward, back, product, productOfTransposed]) each.dispose()
  const [cell, caption] = [24, 'the convolution with [[1, 2], [3, 4]] as a matrix']
  const text = (of: Matrix) => (r: number, c: number) => (of[r]![c] ? String(of[r]![c]) : '')
  const transposed = matrix(9, 4, (row, column) => asMatrix[column]![row]!)
  lab.section(
    'The matrix and its transpose',
    expression(
      numberGrid(asMatrix, { caption, cell, text: text(asMatrix) }),
      numberGrid(transposed, { caption: 'its transpose', cell, text: text(transposed) }),
    ),
  )

  using input = tensor(planes(1, 3, 3, () => 0))
    .unsqueeze(0)
    .requiresGrad_()
  const gradient = tidy(() => {
    functional.conv2d(input, tensor([[kernel]])).backward({ gradient: tensor([[y]]) })
    return input.grad!
  })
  const loops = spread(y, kernel, 1)
  lab.close("a convolution's gradient for its input is a transposed convolution", await gradient.data(), loops, 0)
  gradient.dispose()
}

interface Sizes {
  readonly size: number
  readonly kernel: number
  readonly stride: number
  readonly padding: number
  readonly outputPadding: number
  readonly dilation: number
}

/** The formula of a convolution solved for its input. */
function outputSize({ size, kernel, stride, padding, outputPadding, dilation }: Sizes): number {
  return (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + outputPadding + 1
}

async function shapes(lab: Lab): Promise<void> {
  lab.print('\nThe size: (size − 1)·stride − 2·padding + dilation·(kernel − 1) + outputPadding + 1')
  const usual = { size: 16, kernel: 4, stride: 2, padding: 1, outputPadding: 0, dilation: 1 }
  const cases: readonly (readonly [Sizes, number])[] = [
    [{ ...usual, kernel: 3, stride: 1, padding: 0 }, 18],
    [usual, 32],
    [{ ...usual, kernel: 3, outputPadding: 1 }, 32],
    [{ ...usual, kernel: 5, stride: 3, padding: 2 }, 46],
    [{ ...usual, kernel: 3, padding: 0, dilation: 2 }, 35],
  ]
  const rows: (string | number)[][] = []
  let isRight = true
  for (const [sizes, expected] of cases) {
    const { size, kernel, dilation, ...options } = sizes
    using layer = new nn.ConvTranspose2d(10, 20, kernel, { ...options, dilation })
    using y = tidy(() => noGrad(() => layer.forward(tensor(planes(10, size, size, () => 1)).unsqueeze(0))))
    const formula = outputSize(sizes)
    isRight &&= y.shape.join() === [1, 20, expected, expected].join() && formula === expected
    rows.push([
      size,
      kernel,
      options.stride,
      options.padding,
      options.outputPadding,
      dilation,
      formula,
      y.shape.slice(2).join('×'),
    ])
  }
  lab.table(['size', 'kernel', 'stride', 'padding', 'outputPadding', 'dilation', 'formula', 'library'], rows)
  lab.check('the formula gives the shapes of the library', isRight)

  // Same kernel, stride and padding: what one makes small, the other makes large again.
  using down = new nn.Conv2d(10, 20, 5, { padding: 2, stride: 3 })
  using up = new nn.ConvTranspose2d(20, 10, 5, { padding: 2, stride: 3 })
  using small = tidy(() => noGrad(() => down.forward(tensor(planes(10, 16, 16, () => 1)).unsqueeze(0))))
  using large = noGrad(() => up.forward(small))
  const measured = `[1, 10, 16, 16] → [${small.shape.join(', ')}] → [${large.shape.join(', ')}]`
  lab.check(
    'it leads back to the shape before a convolution of the same options',
    large.shape.join() === '1,10,16,16',
    measured,
  )
}

type Enlarge = (small: Tensor) => Tensor

/** Pictures of clothes are halved and enlarged again: by rule, by one learned kernel, by a small network. */
async function learnsToEnlarge(lab: Lab): Promise<void> {
  manualSeed(1)
  const [trainCount, testCount, epochs] = lab.isShort ? [1_280, 500, 3] : [12_800, 10_000, 4]
  const options = { mean: 0, std: 1 } // 0 is black, 1 is white
  using trainSet = await FashionMNIST.load({ ...options, train: true })
  using testSet = await FashionMNIST.load({ ...options, train: false })
  const halved: Enlarge = (large) => functional.avgPool2d(large, 2) // [N, 1, 28, 28] → [N, 1, 14, 14]

  // Bilinear enlargement by 2 is such a kernel of 4×4, the outer product of [1, 3, 3, 1] / 4: can a learned one do better?
  const kernel = new nn.ConvTranspose2d(1, 1, 4, { stride: 2, padding: 1, bias: false })
  const network = new nn.Sequential(
    new nn.Conv2d(1, 32, 3, { padding: 1 }), // [N, 32, 14, 14]
    new nn.ReLU(),
    new nn.Conv2d(32, 32, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.ConvTranspose2d(32, 1, 4, { stride: 2, padding: 1 }), // [N, 1, 28, 28]
  )
  const ways: Record<string, Enlarge> = {
    nearest: (small) => functional.interpolate(small, { scaleFactor: 2 }),
    bilinear: (small) => functional.interpolate(small, { scaleFactor: 2, mode: 'bilinear' }),
    'learned kernel': (small) => kernel.forward(small),
    'learned network': (small) => network.forward(small),
  }

  lab.print(
    `\nPictures of 14×14 are enlarged to 28×28; learned from ${trainCount} pictures of clothes, epoch by epoch:`,
  )
  const learners = Object.entries({ 'learned kernel': kernel, 'learned network': network }).map(([name, net]) => ({
    name,
    net: net as nn.Module,
    optimizer: new optim.Adam(net.parameters(), { lr: name === 'learned kernel' ? 0.03 : 0.003 }),
    losses: [] as number[],
  }))
  const loader = new DataLoader(subset(trainSet, Array(trainCount).keys()), { batchSize: 32, shuffle: true })
  for (let epoch = 1; epoch <= epochs; epoch++) {
    for await (using batch of loader) {
      for (const { net, optimizer, losses } of learners) {
        using loss = tidy(() => {
          optimizer.zeroGrad()
          const loss = functional.mseLoss(net.forward(halved(batch.x)), batch.x)
          loss.backward()
          optimizer.step()
          return loss
        })
        losses.push(await loss.item())
      }
    }
    const recent = learners.map(
      ({ name, losses }) => `${name} ${decibels(mean(losses.slice(-loader.length))).toFixed(2)} dB`,
    )
    lab.print(`epoch ${epoch}  ${recent.join('  ')}`)
  }

  const errors = await meanSquaredErrors(ways, halved, testSet, testCount)
  lab.table(
    ['enlarged by', 'mean squared error', 'PSNR'],
    Object.entries(errors).map(([name, error]) => [name, error.toFixed(5), `${decibels(error).toFixed(2)} dB`]),
  )
  const gain = decibels(errors['learned network']!) - decibels(errors.bilinear!)
  lab.figure(`${gain.toFixed(1)} dB`, 'the learned network is better than bilinear on pictures that it has not seen')
  const [nearest, bilinear, ofKernel, ofNetwork] = Object.values(errors) as [number, number, number, number]
  const best = Math.min(nearest, bilinear)
  lab.check(
    'one learned kernel of 4×4 beats nearest and bilinear',
    ofKernel < best,
    `${ofKernel.toFixed(5)} against ${best.toFixed(5)}`,
  )
  lab.check(
    'the learned network beats the kernel',
    ofNetwork < ofKernel,
    `${ofNetwork.toFixed(5)} against ${ofKernel.toFixed(5)}`,
  )
  await draw(lab, kernel, learners, ways, halved, testSet)
}

async function meanSquaredErrors(
  ways: Record<string, Enlarge>,
  halved: Enlarge,
  testSet: data.FashionMNIST,
  count: number,
) {
  const sums: Record<string, number> = Object.fromEntries(Object.keys(ways).map((name) => [name, 0]))
  for await (using batch of new DataLoader(subset(testSet, Array(count).keys()), { batchSize: 500 })) {
    for (const [name, enlarge] of Object.entries(ways)) {
      using sum = tidy(() => noGrad(() => enlarge(halved(batch.x)).sub(batch.x).square().sum()))
      sums[name]! += await sum.item()
    }
  }
  const numbers = count * 28 * 28
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / numbers]))
}

async function draw(
  lab: Lab,
  kernel: nn.ConvTranspose2d,
  learners: readonly { name: string; losses: readonly number[] }[],
  ways: Record<string, Enlarge>,
  halved: Enlarge,
  testSet: data.FashionMNIST,
): Promise<void> {
  const outer = [0.25, 0.75, 0.75, 0.25]
  const bilinear = matrix(4, 4, (i, j) => outer[i]! * outer[j]!)
  // At the border interpolation repeats the last pixel, where a convolution finds nothing.
  const inside = (y: Tensor) => y.narrow(2, 1, 26).narrow(3, 1, 26)
  const [byKernel, byRule] = tidy(() =>
    noGrad((): [Tensor, Tensor] => {
      const small = halved(testSet.inputs.narrow(0, 0, 8).to('float32').div(255))
      const byKernel = functional.convTranspose2d(small, tensor([[bilinear]]), null, { stride: 2, padding: 1 })
      return [inside(byKernel), inside(ways.bilinear!(small))]
    }),
  )
  lab.close('bilinear enlargement is a transposed convolution', await byKernel.data(), await byRule.data(), 1e-6)
  byKernel.dispose()
  byRule.dispose()
  lab.section(
    'Two kernels of 4×4',
    expression(
      numberGrid(bilinear, { caption: 'bilinear enlargement' }),
      numberGrid(rowsOf(await kernel.weight.data(), 4), { caption: 'learned' }),
    ),
    'Bilinear enlargement is a transposed convolution with a fixed kernel, the same for all pictures of the world. The learned ' +
      'one suits pictures that were halved by averaging.',
  )
  const every = Math.ceil(learners[0]!.losses.length / 60)
  const series = learners.map(({ name, losses }) => ({
    name,
    points: losses.flatMap((_, i) =>
      (i + 1) % every === 0 ? [[i + 1, decibels(mean(losses.slice(i + 1 - every, i + 1)))] as const] : [],
    ),
  }))
  const steps = learners[0]!.losses.length
  lab.section('While they learn', lineChart(series, { x: 'step', y: 'PSNR (dB)', xDomain: [0, steps] }))

  const pictures: { source: string; caption: string }[] = []
  for (const index of [0, 1, 11, 23]) {
    const stages = tidy(() =>
      noGrad(() => {
        const large = testSet.inputs.narrow(0, index, 1).to('float32').div(255)
        const small = halved(large)
        return {
          'halved, 14×14': small,
          ...Object.fromEntries(Object.entries(ways).map(([name, way]) => [name, way(small)])),
          original: large,
        }
      }),
    ) as Record<string, Tensor>
    for (const [caption, x] of Object.entries(stages)) {
      const size = x.shape[3]!
      const bytes = Uint8Array.from(await x.data(), (value) => Math.max(0, Math.min(255, 255 * value)))
      pictures.push({ source: await greyPicture(bytes, size, size, 112 / size), caption })
      x.dispose()
    }
  }
  lab.section('Test pictures', `<div style="max-width: 720px">${gallery(pictures)}</div>`)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Peak signal-to-noise ratio of a mean squared error, for numbers from 0 to 1. */
function decibels(error: number): number {
  return -10 * Math.log10(error)
}
