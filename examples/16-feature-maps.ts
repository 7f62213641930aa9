// Feature maps: what each layer of a trained network makes of a picture, drawn, and what changes with depth: resolution,
// channels, how much of the picture an element sees, how many elements are zero, and how much they know of the class.
//
//   node dist/examples/16-feature-maps.js --data <folder that holds cifar-10-batches-bin/>
import { data, functional, manualSeed, nn, noGrad, type Tensor, tensor, tidy } from '../lib/index.js'
import { lineChart } from './support/charts.js'
import { learnCifar10, loadCifar10 } from './support/cifar10.js'
import { experiment, type Lab } from './support/experiment.js'
import { colourPicture, colourTiles, greyTiles } from './support/pictures.js'
import { captioned, columns, picture } from './support/report.js'

const { DataLoader, subset } = data

/** Half the resolution and twice the channels, three times: what is lost in place is gained in kind. */
const channels = [16, 32, 64, 128]

function network(): nn.Sequential {
  const block = (from: number, to: number, isFirst = false) =>
    new nn.Sequential(
      ...(isFirst ? [] : [new nn.MaxPool2d(2)]),
      new nn.Conv2d(from, to, 3, { padding: 1, bias: false }),
      new nn.BatchNorm2d(to),
      new nn.ReLU(),
    )
  return new nn.Sequential(
    block(3, 16, true), // [N, 16, 32, 32]
    block(16, 32), // [N, 32, 16, 16]
    block(32, 64), // [N, 64, 8, 8]
    block(64, 128), // [N, 128, 4, 4]
    new nn.Sequential(new nn.MaxPool2d(2), new nn.Flatten(), new nn.Linear(512, 10)),
  )
}

/** So many pictures that excite a channel most are looked at. */
const favourites = 10

/** The maps after each of the four blocks. The caller owns them. */
function mapsOf(net: nn.Sequential, x: Tensor): Tensor[] {
  return tidy(() => {
    let value = x
    return channels.map((_, depth) => {
      value = net[depth]!.forward(value)
      return value
    })
  })
}

await experiment(
  import.meta.url,
  {
    title: 'Feature maps',
    question: 'What does a trained network see in a picture, layer by layer?',
    fullMinutes: 2.5,
  },
  async (lab) => {
    manualSeed(1)
    const pictures = await loadCifar10(lab)
    using trainSet = pictures.trainSet
    using testSet = pictures.testSet
    const net = network()
    const settings = lab.isShort ? { epochs: 6, batchSize: 32 } : { epochs: 4 }
    const accuracy = await learnCifar10(lab, net, { trainSet, testSet }, settings)
    const least = lab.isShort ? 0.5 : 0.7
    lab.check(`at least ${percent(least)} of the test pictures are recognised`, accuracy >= least, percent(accuracy))
    net.eval()
    lab.print()

    const [known, unseen] = lab.isShort ? [1_000, 200] : [2_000, 1_000]
    const depths = await byDepth(lab, net, await look(net, trainSet, known), await look(net, testSet, unseen), testSet)
    await drawMaps(lab, net, testSet, depths)
    await drawFavourites(lab, testSet, depths)
  },
)

// ---- what changes with depth ----------------------------------------------------------------------------------------

/** What the blocks give for many pictures. */
interface Look {
  readonly labels: readonly number[]
  readonly blocks: readonly BlockLook[]
}

interface BlockLook {
  /** [C, H, W] */
  readonly shape: readonly number[]
  /** [N, C · 16]: each map averaged down to 4×4 */
  readonly pooled: Tensor
  /** [N, C]: the largest element of each map */
  readonly peaks: ArrayLike<number>
  /** Of all elements, those that ReLU made zero. */
  readonly zeros: number
}

async function look(net: nn.Sequential, dataset: data.CIFAR10, count: number): Promise<Look> {
  const labels: number[] = []
  const parts: { pooled: Tensor; peaks: Tensor; zeros: Tensor }[][] = channels.map(() => [])
  let shapes: (readonly number[])[] = []
  for await (using batch of new DataLoader(subset(dataset, Array(count).keys()), { batchSize: 100 })) {
    labels.push(...(await batch.y.data()))
    const maps = noGrad(() => mapsOf(net, batch.x))
    shapes = maps.map(({ shape }) => shape.slice(1))
    for (const [depth, map] of maps.entries()) {
      const pooled = tidy(() => functional.adaptiveAvgPool2d(map, 4).flatten(1))
      const zeros = tidy(() => map.eq(0).to('float32').mean().reshape([1]))
      parts[depth]!.push({ pooled, peaks: map.max([2, 3]), zeros })
      map.dispose()
    }
  }
  const blocks = parts.map(async (batches, depth) => {
    const joined = tidy(() => ({
      pooled: functional.cat(batches.map(({ pooled }) => pooled)),
      peaks: functional.cat(batches.map(({ peaks }) => peaks)),
      zeros: functional.cat(batches.map(({ zeros }) => zeros)).mean(),
    }))
    for (const tensor of batches.flatMap((batch) => Object.values(batch))) tensor.dispose()
    const { pooled, peaks, zeros } = joined
    return { shape: shapes[depth]!, pooled, peaks: await peaks.data(), zeros: await zeros.item() }
  })
  return { labels, blocks: await Promise.all(blocks) }
}

interface Depth {
  readonly name: string
  readonly shape: readonly number[]
  /** [N, C] of the test pictures */
  readonly peaks: ArrayLike<number>
}

async function byDepth(
  lab: Lab,
  net: nn.Sequential,
  known: Look,
  unseen: Look,
  testSet: data.CIFAR10,
): Promise<Depth[]> {
  // A convolution adds two steps and a pooling one, each step as long as it is in the picture by then: 1, 2, 4, 8 pixels.
  const formula = [3, 3 + 1 + 4, 8 + 2 + 8, 18 + 4 + 16]
  const sees = await receptiveFields(net, testSet)
  const accuracies = await Promise.all(channels.map((_, depth) => nearestMean(known, unseen, depth)))
  const purities = channels.map((_, depth) => purity(unseen, depth))
  const depths = unseen.blocks.map(({ shape, peaks }, depth) => ({ name: `block ${depth + 1}`, shape, peaks }))
  lab.print(`The maps of ${unseen.labels.length} test pictures:`)
  lab.table(
    [
      'maps',
      'channels',
      'resolution',
      'numbers',
      'sees',
      'zeros',
      'one class in its favourites',
      'class known from them',
    ],
    depths.map(({ name, shape }, depth) => [
      name,
      String(shape[0]),
      `${shape[1]}×${shape[2]}`,
      shape.reduce((product, size) => product * size, 1).toLocaleString('en'),
      `${sees[depth]}×${sees[depth]}`,
      percent(unseen.blocks[depth]!.zeros),
      percent(purities[depth]!),
      percent(accuracies[depth]!),
    ]),
  )
  lab.print('sees: how many pixels of the picture reach an element in the middle, by the gradient of that element')
  lab.print(
    'favourites: of the ten pictures that excite a channel most, those of the most frequent class; mean of all channels',
  )
  lab.print('class known: by the nearest of ten mean maps, each map averaged down to 4×4')

  const sizes = depths.map(({ shape }) => `[${shape.join(', ')}]`).join(' ')
  lab.check(
    'half the resolution and twice the channels at each step',
    sizes === '[16, 32, 32] [32, 16, 16] [64, 8, 8] [128, 4, 4]',
  )
  lab.check('an element sees what the windows add up to', sees.join() === formula.join(), sees.join(', '))
  const [first, last] = [accuracies[0]!, accuracies.at(-1)!]
  lab.check(
    'the deepest maps know more of the class than the first',
    last > first + 0.1,
    `${percent(first)} → ${percent(last)}`,
  )
  const [vague, sharp] = [purities[0]!, purities.at(-1)!]
  lab.check('their channels are more particular', sharp > vague + 0.1, `${percent(vague)} → ${percent(sharp)}`)
  const zeros = unseen.blocks.map(({ zeros }) => zeros)
  lab.check('and most of their elements are zero', zeros.at(-1)! > 0.5, zeros.map(percent).join(', '))
  lab.figure(percent(last), 'of test pictures told by the nearest mean of the deepest maps')
  lab.print()

  const curve = (name: string, values: readonly number[]) => ({
    name,
    points: values.map((value, depth) => [depth + 1, value] as const),
    dots: true,
  })
  const curves = [
    curve('zeros', zeros),
    curve('one class in the favourites', purities),
    curve('class known', accuracies),
  ]
  lab.section('With depth', lineChart(curves, { x: 'block', y: 'share, %', xDomain: [1, 4], percent: true }))
  return depths
}

/** Width of the part of the picture on which the element in the middle of a map depends, in any channel, for any picture. */
async function receptiveFields(net: nn.Sequential, testSet: data.CIFAR10): Promise<number[]> {
  const { x: pictures, y } = testSet.batch(Int32Array.from({ length: 64 }, (_, i) => i))
  y.dispose()
  const widths: number[] = []
  for (const depth of channels.keys()) {
    using touched = tidy(() => {
      // With a border of mirrored pixels, so that no window ends at the edge.
      const x = functional.pad(pictures, [24, 24, 24, 24], { mode: 'reflect' }).detach().requiresGrad_()
      const map = mapsOf(net, x)[depth]!
      const middle = Math.floor(map.shape[2]! / 2)
      map.narrow(2, middle, 1).narrow(3, middle, 1).sum().backward()
      return x.grad!.abs().sum([0, 1, 2]) // [80]: columns
    })
    widths.push((await touched.data()).filter((value) => value > 0).length)
  }
  pictures.dispose()
  return widths
}

/** The share of the unseen pictures whose maps are nearest to the mean maps of their class; every number counts alike. */
async function nearestMean(known: Look, unseen: Look, depth: number): Promise<number> {
  const classes = 10
  using best = tidy(() => {
    const features = known.blocks[depth]!.pooled // [N, C · 16]
    const [mean, std] = [features.mean(0), features.std(0).add(1e-5)]
    const scaled = (x: Tensor) => x.sub(mean).div(std)
    const isClass = known.labels.flatMap((label) => Array.from({ length: classes }, (_, c) => (c === label ? 1 : 0)))
    const oneHot = tensor(Float32Array.from(isClass), { shape: [known.labels.length, classes] })
    const sums = oneHot.transpose(0, 1).matmul(scaled(features)) // [10, C · 16]
    const means = sums.div(oneHot.sum(0).reshape([classes, 1]))
    // |x − m|² is least where x·m − |m|²/2 is greatest.
    const products = scaled(unseen.blocks[depth]!.pooled).matmul(means.transpose(0, 1))
    return products.sub(means.square().sum(1).div(2)).argmax(1)
  })
  const guesses = await best.data()
  return unseen.labels.filter((label, i) => guesses[i] === label).length / unseen.labels.length
}

/** The pictures that excite a channel most, the strongest first. */
function favouritesOf(peaks: ArrayLike<number>, channel: number, width: number): number[] {
  const of = (picture: number) => peaks[picture * width + channel]!
  return Array.from({ length: peaks.length / width }, (_, i) => i)
    .sort((a, b) => of(b) - of(a))
    .slice(0, favourites)
}

function purity({ labels, blocks }: Look, depth: number): number {
  const width = channels[depth]!
  const shares = Array.from({ length: width }, (_, channel) => {
    const counts = Array(10).fill(0)
    for (const i of favouritesOf(blocks[depth]!.peaks, channel, width)) counts[labels[i]!]++
    return Math.max(...counts) / favourites
  })
  return shares.reduce((sum, share) => sum + share, 0) / width
}

// ---- pictures -------------------------------------------------------------------------------------------------------

/** All maps of some test pictures. */
async function drawMaps(lab: Lab, net: nn.Sequential, testSet: data.CIFAR10, depths: readonly Depth[]): Promise<void> {
  const labels = await testSet.targets.data()
  const shown = lab.isShort ? [0, 3] : [labels.indexOf(8), labels.indexOf(7)] // a ship and a horse
  // What is drawn is no airplane.
  const nameOf = (label: number) => (lab.isShort ? `class ${label}` : testSet.classes[label]!)
  const text =
    'The first maps are still the picture: edges, colours, bright and dark. Further on there is less of the place and ' +
    'more of the kind, and what is not there leaves its channels black.'
  for (const [i, index] of shown.entries()) {
    const { x, y } = testSet.batch(Int32Array.of(index))
    const maps = noGrad(() => mapsOf(net, x))
    using logits = noGrad(() => net.forward(x))
    using pixels = testSet.inputs.narrow(0, index, 1)
    const scores = Array.from(await logits.data())
    const [actual, guess] = [labels[index]!, scores.indexOf(Math.max(...scores))].map(nameOf)
    const parts: string[] = []
    for (const [depth, map] of maps.entries()) {
      const [count, height, width] = depths[depth]!.shape as [number, number, number]
      const values = await map.data()
      // One scale for all maps of a block: what is black is silent.
      const bright = Float32Array.from(values).sort()[Math.floor(0.995 * values.length)]!
      const tiles = { count, width, height, columns: [8, 16, 16, 32][depth]!, scale: [3, 3, 6, 5][depth]! }
      const sheet = await greyTiles(values, { ...tiles, range: [0, bright] })
      parts.push(
        captioned(
          `Block ${depth + 1}: ${count} maps of ${height}×${width}`,
          picture(sheet, `maps of block ${depth + 1}`),
        ),
      )
      map.dispose()
    }
    const original = picture(await colourPicture(await pixels.data(), 32, 32, 5), actual!)
    for (const tensor of [x, y]) tensor.dispose()
    lab.section(
      `What the network makes of a test picture (${actual}, taken for ${guess})`,
      original + parts.join(''),
      i === 0 ? text : undefined,
    )
  }
}

/** Which test pictures excite the most particular channels of each block. */
async function drawFavourites(lab: Lab, testSet: data.CIFAR10, depths: readonly Depth[]): Promise<void> {
  const pixels = await testSet.inputs.data()
  const rows: string[] = []
  for (const { name, shape, peaks } of depths) {
    const width = shape[0]!
    const shownChannels = Array.from({ length: 8 }, (_, i) => Math.floor((i * width) / 8))
    const shown = shownChannels.flatMap((channel) => favouritesOf(peaks, channel, width))
    const values = Float32Array.from(shown.flatMap((i) => Array.from(pixels.subarray(3072 * i, 3072 * (i + 1)))))
    const tiles = {
      count: shown.length,
      width: 32,
      height: 32,
      columns: favourites,
      scale: 1,
      range: [0, 255],
    } as const
    rows.push(
      captioned(
        `${name}, channels ${shownChannels.join(', ')}`,
        picture(await colourTiles(values, tiles), `favourites of ${name}`),
      ),
    )
  }
  lab.section(
    'Favourites: one row a channel, the ten test pictures that excite it most',
    columns(...rows.slice(0, 2)) + columns(...rows.slice(2)),
    'Channels of the first block care for a colour or an edge, whatever shows it; those of the last one for a kind of thing.',
  )
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
