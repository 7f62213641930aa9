// Edges: Sobel's two windows on a photograph, and the windows that a network finds by itself when it learns to tell
// pictures apart.
//
//   node dist/examples/06-edges.js --data <folder that holds cifar-10-batches-bin/ and cats-vs-dogs/> [--picture mine.jpg]
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import sharp from 'sharp'
import { data, functional, manualSeed, nn, noGrad, type Tensor, tensor, tidy } from '../lib/index.js'
import { readRegularFile } from '../lib/io/regular-file.js'
import { learnCifar10, loadCifar10 } from './support/cifar10.js'
import { experiment, type Lab } from './support/experiment.js'
import { colourPicture, colourTiles, greyTiles, signedTiles } from './support/pictures.js'
import { captioned, columns, picture } from './support/report.js'
import { temporaryFolder, writeSamplePictures } from './support/sample-data.js'

/** Irwin Sobel's windows: the difference over one direction, smoothed 1 2 1 along the other. */
const sobel = [
  [-1, 0, 1],
  [-2, 0, 2],
  [-1, 0, 1], // grows where it gets brighter from left to right: vertical edges
  [-1, -2, -1],
  [0, 0, 0],
  [1, 2, 1], // grows where it gets brighter downwards: horizontal edges
].flat()

/** grey [N, 1, H, W] → [N, 2, H, W]. What lies beyond the border is like the border, so that no edge is seen there. */
function edges(grey: Tensor): Tensor {
  const weight = tensor(sobel, { shape: [2, 1, 3, 3] })
  return functional.conv2d(grey, weight, null, { padding: 1, paddingMode: 'replicate' })
}

/** [N, 3, H, W] → [N, 1, H, W]: a convolution too, of 1×1, with the weights of ITU-R BT.601. */
function brightness(rgb: Tensor): Tensor {
  return functional.conv2d(rgb, tensor([0.299, 0.587, 0.114]).reshape([1, 3, 1, 1]))
}

/** Of the network's first layer: how many windows, of what size. */
const [filters, kernel] = [32, 7]

/** Windows of 7×7 that see three colours, and three convolutions in all. */
function network(): nn.Sequential {
  const block = (from: number, to: number, kernel: number) => [
    new nn.Conv2d(from, to, kernel, { padding: Math.floor(kernel / 2), bias: false }),
    new nn.BatchNorm2d(to),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  ]
  return new nn.Sequential(
    ...block(3, filters, kernel), // [N, 32, 16, 16]
    ...block(filters, 64, 3), // [N, 64, 8, 8]
    ...block(64, 64, 3), // [N, 64, 4, 4]
    new nn.Flatten(),
    new nn.Linear(1024, 10),
  )
}

interface Photograph {
  readonly width: number
  readonly height: number
  /** [1, 3, H, W], 0 … 1 */
  readonly rgb: Tensor
}

await experiment(
  import.meta.url,
  {
    title: 'Edges',
    question: 'What do two fixed windows find in a photograph, and does a network find such windows by itself?',
    fullMinutes: 3,
    options: [['--picture <file>', 'a picture of your own']],
  },
  async (lab) => {
    await knownPictures(lab)
    const photograph = await edgesOfPhotograph(lab)
    await whatIsLearned(lab, photograph)
  },
)

// ---- Sobel ----------------------------------------------------------------------------------------------------------

/** Pictures of which the answer is known. */
async function knownPictures(lab: Lab): Promise<void> {
  const draw = (brightness: (row: number, column: number) => number) =>
    tensor(
      Float32Array.from({ length: 64 }, (_, i) => brightness(Math.floor(i / 8), i % 8)),
      { shape: [1, 1, 8, 8] },
    )
  const answer = async (x: Tensor) => {
    const [across, down] = tidy(() => edges(x).split(1, 1)) as [Tensor, Tensor]
    return { across: Array.from(await across.data()), down: Array.from(await down.data()) }
  }
  const even = await answer(draw(() => 0.7))
  lab.close('an even picture has no edges', [even.across, even.down], Array(128).fill(0), 1e-6)
  const step = await answer(draw((_, column) => (column < 4 ? 0 : 1)))
  const expected = Array.from({ length: 64 }, (_, i) => (i % 8 === 3 || i % 8 === 4 ? 4 : 0))
  lab.close('a black and a white half have one vertical edge, of 1 + 2 + 1', step.across, expected, 1e-6)
  lab.close('and no horizontal one', step.down, Array(64).fill(0), 1e-6)
  const slope = await answer(draw((row) => row / 8))
  const inside = slope.down.slice(8, 56)
  lab.close(
    'a steady slope of 1/8 a pixel gives 8/8 everywhere',
    inside,
    inside.map(() => 1),
    1e-6,
  )
  lab.print()
}

/** The picture that is asked for, else one of the cats and dogs, else a drawn one. */
async function choosePicture(lab: Lab): Promise<string> {
  const given = lab.option('picture')
  if (given !== undefined) return given
  const isDrawn = lab.isShort || lab.dataFolder === undefined
  if (isDrawn)
    lab.print('The picture is drawn; --picture <file> takes another, --data <folder> one of its cats-vs-dogs/.')
  const root = isDrawn
    ? await writeSamplePictures(temporaryFolder(), { train: 1, test: 1 })
    : path.join(lab.dataFolder, 'cats-vs-dogs')
  const folder = path.join(root, 'test', 'cat')
  const files = (await readdir(folder)).sort()
  // A kitten before the bars of its cage has edges of every direction.
  return path.join(folder, files.find((file) => file === 'cat.1171.jpg') ?? files[0]!)
}

async function edgesOfPhotograph(lab: Lab): Promise<Photograph> {
  const file = await choosePicture(lab)
  const small = await sharp(await readRegularFile(file, 2 ** 28))
    .autoOrient()
    .resize(320, 320, { fit: 'inside', withoutEnlargement: true })
    .png()
    .toBuffer()
  const { data: pixels, shape } = await data.readImage(small)
  const [, height, width] = shape as [number, number, number]
  lab.print(`${path.basename(file)}, ${width}×${height} pixels`)

  const [rgb, grey, across, down, strength] = tidy(() => {
    const rgb = tensor(Uint8Array.from(pixels), { shape: [1, ...shape] })
      .to('float32')
      .div(255)
    const grey = brightness(rgb)
    const both = edges(grey)
    const [across, down] = both.split(1, 1) as [Tensor, Tensor]
    return [rgb, grey, across, down, both.square().sum(1).sqrt()] as const
  })
  const [greys, horizontally, vertically, strengths] = await Promise.all([
    grey.data(),
    across.data(),
    down.data(),
    strength.data(),
  ])
  const loops = sobelByLoops(greys, height, width)
  lab.close(
    'conv2d gives what loops over the picture give',
    [horizontally, vertically],
    [loops.across, loops.down],
    1e-5,
  )

  // A picture that is laid on its side has its edges laid on their sides.
  const turned = tidy(() => edges(grey.transpose(2, 3)).narrow(1, 0, 1).transpose(2, 3))
  lab.close('turned by transpose, the two directions change places', await turned.data(), vertically, 1e-5)
  const sorted = Float32Array.from(strengths).sort()
  const strong = sorted[Math.floor(0.98 * sorted.length)]!
  const energy = sorted.reduce((sum, value) => sum + value ** 2, 0)
  const top = sorted.subarray(Math.floor(0.9 * sorted.length)).reduce((sum, value) => sum + value ** 2, 0)
  lab.check(
    'edges are rare: a tenth of the pixels holds most of what is found',
    top / energy > 0.5,
    percent(top / energy),
  )
  lab.print()

  const one = { count: 1, width, height, columns: 1, scale: Math.max(1, Math.floor(320 / width)) }
  const found = [
    captioned('The picture', picture(await colourPicture(pixels, width, height, one.scale), path.basename(file))),
    captioned('Its brightness', picture(await greyTiles(greys, { ...one, range: [0, 1] }), 'grey picture')),
    captioned(
      'Strength of its edges, √(x² + y²)',
      picture(await greyTiles(strengths, { ...one, range: [0, strong] }), 'strength of edges'),
    ),
    captioned('Vertical edges', picture(await signedTiles(horizontally, one), 'vertical edges')),
    captioned('Horizontal edges', picture(await signedTiles(vertically, one), 'horizontal edges')),
  ]
  lab.section(
    'Sobel',
    columns(...found.slice(0, 3)) + columns(...found.slice(3), captioned('The two windows', await windows())),
    'Red: brighter to the right, or downwards; blue: darker; white: no change.',
  )
  for (const tensor of [grey, across, down, strength, turned]) tensor.dispose()
  return { width, height, rgb }
}

async function windows(): Promise<string> {
  return picture(
    await signedTiles(sobel, { count: 2, width: 3, height: 3, columns: 2, scale: 40 }),
    'two windows of 3×3',
  )
}

/** The definition, pixel by pixel; outside the picture its border goes on. */
function sobelByLoops(grey: ArrayLike<number>, height: number, width: number): { across: number[]; down: number[] } {
  const inside = (i: number, length: number) => Math.max(0, Math.min(length - 1, i))
  const at = (row: number, column: number) => grey[inside(row, height) * width + inside(column, width)]!
  const [across, down]: [number[], number[]] = [[], []]
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      let [x, y] = [0, 0]
      for (let i = 0; i < 9; i++) {
        const pixel = at(row + Math.floor(i / 3) - 1, column + (i % 3) - 1)
        x += pixel * sobel[i]!
        y += pixel * sobel[9 + i]!
      }
      across.push(x)
      down.push(y)
    }
  }
  return { across, down }
}

// ---- what a network learns ------------------------------------------------------------------------------------------

async function whatIsLearned(lab: Lab, photograph: Photograph): Promise<void> {
  manualSeed(1)
  const pictures = await loadCifar10(lab)
  using trainSet = pictures.trainSet
  using testSet = pictures.testSet
  const net = network()
  const { weight } = net[0] as nn.Conv2d // [32, 3, 7, 7]
  const before = Float32Array.from(await weight.data())
  const settings = lab.isShort ? { epochs: 5, batchSize: 32 } : { epochs: 3, weightDecay: 2e-3 }
  const accuracy = await learnCifar10(lab, net, { trainSet, testSet }, settings)
  const after = Float32Array.from(await weight.data())
  const least = lab.isShort ? 0.5 : 0.65
  lab.check(`at least ${percent(least)} of the test pictures are recognised`, accuracy >= least, percent(accuracy))
  const [rough, smooth] = [neighbourliness(before), neighbourliness(after)]
  const measured = `correlation ${rough.toFixed(2)} → ${smooth.toFixed(2)}`
  lab.check('neighbouring weights have become alike', rough < 0.1 && smooth > 0.25, measured)
  lab.print()

  using templates = enlargedSobel()
  const [random, learned] = [await likeSobel(before, templates), await likeSobel(after, templates)]
  lab.print(
    "Sobel's windows enlarged to 7×7, and the window of the first layer most like them (correlation of weights):",
  )
  lab.table(
    ['edges', 'of 32 random windows', 'of 32 learned windows'],
    learned.best.map(({ name, likeness }, i) => [name, random.best[i]!.likeness.toFixed(2), likeness.toFixed(2)]),
  )
  for (const [i, { name, filter, likeness }] of learned.best.entries()) {
    const [is, was] = [Math.abs(likeness), Math.abs(random.best[i]!.likeness)]
    lab.check(
      `a window learned to look for ${name} edges`,
      is > 0.35 && is > 1.5 * was,
      `window ${filter}, ${likeness.toFixed(2)}`,
    )
  }
  // Edges of all directions are sums of the two: cos a · vertical + sin a · horizontal.
  lab.check(
    'edges of some direction are a large part of the windows',
    learned.share > 5 * random.share,
    `median of their energy ${percent(random.share)} → ${percent(learned.share)}`,
  )
  lab.figure(
    `${percent(random.share)} → ${percent(learned.share)}`,
    'of a window of the first layer is an edge (median): random → learned',
  )

  const tiles = { count: filters, width: kernel, height: kernel, columns: 8, scale: 9 }
  lab.section(
    'The windows of the first layer',
    columns(
      captioned('as drawn at random', picture(await colourTiles(before, tiles), 'random windows')),
      captioned('as learned', picture(await colourTiles(after, tiles), 'learned windows')),
    ),
    'Each is shown as the picture that it answers to most. Nobody told the network of edges: they are what tells ' +
      'pictures apart. Besides edges of many directions there are spots, stripes and colours, which Sobel cannot see.',
  )
  const answers = await answersOf(weight, templates, photograph.rgb)
  const { width, height } = photograph
  const one = { count: 1, width, height, columns: 1, scale: Math.max(1, Math.floor(320 / width)) }
  const rows = learned.best.map(async ({ name, filter, likeness }, i) => {
    // A window of the other sign sees the same edges.
    const answer = answers.learned[filter]!.map((value) => value * Math.sign(likeness))
    const size = 3 * kernel ** 2
    const own = after.slice(size * filter, size * (filter + 1))
    const alike = correlation(answer, answers.sobel[i]!).toFixed(2)
    return columns(
      captioned(
        `Sobel at 7×7: ${name} edges`,
        picture(await signedTiles(answers.sobel[i]!, one), `${name} edges by Sobel`),
      ),
      captioned(
        `Window ${filter}: correlation ${alike}`,
        picture(await signedTiles(answer, one), `the same by window ${filter}`),
      ),
      captioned('This window', picture(await colourTiles(own, { ...tiles, count: 1, scale: 20 }), `window ${filter}`)),
    )
  })
  lab.section('The same picture through the windows most like those of Sobel', (await Promise.all(rows)).join(''))
}

/** [2, 1, 7, 7]: the windows are small pictures and can be smoothed by a convolution themselves. */
function enlargedSobel(): Tensor {
  return tidy(() => {
    const smooth = tensor([1, 2, 1, 2, 4, 2, 1, 2, 1], { shape: [1, 1, 3, 3] })
    let windows = tensor(sobel, { shape: [2, 1, 3, 3] })
    for (let size = 3; size < kernel; size += 2) windows = functional.conv2d(windows, smooth, null, { padding: 2 })
    return windows
  })
}

interface Best {
  readonly name: string
  readonly filter: number
  /** −1 … 1 */
  readonly likeness: number
}

/** The filter [3, 7, 7] most like either template in all three colours, and how much of a filter the two make up: the median. */
async function likeSobel(weights: Float32Array, templates: Tensor): Promise<{ best: Best[]; share: number }> {
  const [values, size] = [Array.from(await templates.data()), kernel ** 2]
  const all = ['vertical', 'horizontal'].map((name, direction) => {
    const template = values.slice(direction * size, (direction + 1) * size)
    return Array.from({ length: filters }, (_, filter) => {
      const own = weights.subarray(3 * size * filter, 3 * size * (filter + 1))
      return { name, filter, likeness: correlation(own, [...template, ...template, ...template]) }
    })
  })
  const best = all.map((list) => list.toSorted((a, b) => Math.abs(b.likeness) - Math.abs(a.likeness))[0]!)
  const shares = all[0]!.map(({ likeness }, filter) => likeness ** 2 + all[1]![filter]!.likeness ** 2)
  return { best, share: shares.sort((a, b) => a - b)[filters / 2]! }
}

interface Answers {
  /** One [H, W] for each filter of the first layer. */
  readonly learned: readonly Float32Array[]
  /** Those of the enlarged windows: vertical edges, horizontal edges. */
  readonly sobel: readonly Float32Array[]
}

async function answersOf(weight: Tensor, templates: Tensor, rgb: Tensor): Promise<Answers> {
  const [learned, fixed] = tidy(() =>
    noGrad(() => {
      const x = data.transforms.normalize([0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616])(rgb)
      const options = { padding: (kernel - 1) / 2, paddingMode: 'replicate' } as const
      const conv = (x: Tensor, weight: Tensor) => functional.conv2d(x, weight, null, options)
      return [conv(x, weight), conv(brightness(rgb), templates)] as const // [1, 32, H, W], [1, 2, H, W]
    }),
  )
  const planes = async (y: Tensor): Promise<Float32Array[]> => {
    const [, count, height, width] = y.shape as [number, number, number, number]
    const values = Float32Array.from(await y.data())
    y.dispose()
    return Array.from({ length: count }, (_, i) => values.slice(i * height * width, (i + 1) * height * width))
  }
  return { learned: await planes(learned), sobel: await planes(fixed) }
}

function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const mean = (values: ArrayLike<number>) => {
    let sum = 0
    for (let i = 0; i < values.length; i++) sum += values[i]!
    return sum / values.length
  }
  const [meanA, meanB] = [mean(a), mean(b)]
  let [ab, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    const [u, v] = [a[i]! - meanA, b[i]! - meanB]
    ab += u * v
    aa += u * u
    bb += v * v
  }
  return ab / Math.sqrt(aa * bb)
}

/** How much weights are like their right and lower neighbours within windows: their correlation. */
function neighbourliness(weights: Float32Array): number {
  const places = Array.from(weights.keys())
  const neighbours = [
    ...places.filter((i) => i % kernel < kernel - 1).map((i) => [i, i + 1] as const),
    ...places.filter((i) => i % kernel ** 2 < kernel ** 2 - kernel).map((i) => [i, i + kernel] as const),
  ]
  return correlation(
    neighbours.map(([i]) => weights[i]!),
    neighbours.map(([, j]) => weights[j]!),
  )
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
