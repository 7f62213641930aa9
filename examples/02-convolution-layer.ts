// A convolution layer written from scratch: a class with a weight and a bias, made of slices and matrix products, and
// trained like any other layer.
import { data, functional, manualSeed, nn, optim, rand, type Tensor, tensor, tidy, zeros } from '../lib/index.js'
import { rowsOf } from './support/arrays.js'
import { lineChart } from './support/charts.js'
import { experiment, type Lab } from './support/experiment.js'
import { expression, numberGrid } from './support/grids.js'
import { columns } from './support/report.js'

const { DataLoader, FashionMNIST, subset } = data

/** A convolution of step 1: [N, C, H, W] → [N, O, H + 2·padding − kH + 1, W + 2·padding − kW + 1]. */
class OwnConv2d extends nn.Module {
  readonly weight: nn.Parameter // [O, C, kH, kW]
  readonly bias: nn.Parameter // [O]
  readonly padding: number

  constructor(inChannels: number, outChannels: number, kernelSize: number, { padding = 0 } = {}) {
    super()
    // A sum of n products keeps the size of its inputs if the weights shrink with √n.
    const bound = 1 / Math.sqrt(inChannels * kernelSize * kernelSize)
    const weight = rand([outChannels, inChannels, kernelSize, kernelSize], { low: -bound, high: bound })
    this.weight = new nn.Parameter(weight)
    this.bias = new nn.Parameter(zeros([outChannels]))
    this.padding = padding
  }

  /**
   * Where the loops of a cross-correlation go over places, this one goes over the kernel: the whole picture, moved by
   * (i, j), times the weights at (i, j), which mix the channels. Each step is an op, so gradients come by themselves.
   */
  override forward(x: Tensor): Tensor {
    const padding = this.padding
    const padded = functional.pad(x, [padding, padding, padding, padding])
    const [n, channels, paddedHeight, paddedWidth] = padded.shape as [number, number, number, number]
    const [outChannels, , kernelHeight, kernelWidth] = this.weight.shape as [number, number, number, number]
    const [height, width] = [paddedHeight - kernelHeight + 1, paddedWidth - kernelWidth + 1]
    let y = this.bias.reshape([outChannels, 1]) // [O, 1], spread over all places
    for (let i = 0; i < kernelHeight; i++) {
      for (let j = 0; j < kernelWidth; j++) {
        const weights = this.weight.narrow(2, i, 1).narrow(3, j, 1).reshape([outChannels, channels])
        const moved = padded
          .narrow(2, i, height)
          .narrow(3, j, width)
          .reshape([n, channels, height * width])
        y = y.add(weights.matmul(moved)) // [N, O, H'·W']
      }
    }
    return y.reshape([n, outChannels, height, width])
  }

  protected override describe(): string {
    return `${this.weight.shape.join(', ')}, padding: ${this.padding}`
  }
}

await experiment(
  import.meta.url,
  {
    title: 'A convolution layer from scratch',
    question: 'What is a layer, besides the sum that it computes, and can one of our own be trained?',
    fullMinutes: 1.5,
  },
  async (lab) => {
    manualSeed(1)
    await isAModule(lab)
    await isTheLibrarys(lab)
    await learnsFilters(lab)
    await learnsClothes(lab)
  },
)

/** What a class gets by extending nn.Module: its fields are found. */
async function isAModule(lab: Lab): Promise<void> {
  using layer = new OwnConv2d(3, 8, 3, { padding: 1 })
  using library = new nn.Conv2d(3, 8, 3, { padding: 1 })
  lab.print(String(layer))
  const described = (module: nn.Module) => module.namedParameters().map(([name, { shape }]) => `${name} [${shape}]`)
  lab.print(`Its parameters: ${described(layer).join(', ')}`)
  const [own, theirs] = [described(layer).join(), described(library).join()]
  lab.check("the parameters have the names and shapes of the library's", own === theirs, own)
}

/** Given the same weights, both layers give the same output and the same gradients. */
async function isTheLibrarys(lab: Lab): Promise<void> {
  using layer = new OwnConv2d(3, 8, 5, { padding: 2 })
  using library = new nn.Conv2d(3, 8, 5, { padding: 2 })
  library.loadStateDict(layer.stateDict())
  const x = rand([4, 3, 21, 34], { low: -1, requiresGrad: true })
  const results = async (module: nn.Module) => {
    x.grad = null
    module.zeroGrad()
    using y = tidy(() => {
      const y = module.forward(x)
      y.square().sum().backward()
      return y.detach()
    })
    const gradients = [x, ...module.parameters()].map((parameter) => parameter.grad!.data())
    return Promise.all([y.data(), ...gradients])
  }
  const [own, theirs] = [await results(layer), await results(library)]
  const names = ['output', 'gradient of x', 'gradient of weight', 'gradient of bias']
  for (const [i, name] of names.entries()) {
    // float32 carries 24 bits, of the largest number that a sum is made of.
    const tolerance = 1e-5 * Math.max(...Array.from(theirs[i]!, Math.abs))
    lab.close(`${name}: own layer and library agree`, own[i]!, theirs[i]!, tolerance)
  }
  x.dispose()
}

/** Shown random pictures and what Sobel's two filters make of them, the layer finds the filters. */
async function learnsFilters(lab: Lab): Promise<void> {
  const across = [-1, 0, 1, -2, 0, 2, -1, 0, 1]
  const down = [-1, -2, -1, 0, 0, 0, 1, 2, 1]
  const filters = tensor([...across, ...down]).reshape([2, 1, 3, 3])
  const offsets = tensor([0.5, -0.25])
  using layer = new OwnConv2d(1, 2, 3)
  const before = await layer.weight.data()
  const optimizer = new optim.SGD(layer.parameters(), { lr: 0.5, momentum: 0.4 })
  lab.print("\nIt is shown random pictures and what Sobel's filters make of them, plus 0.5 and minus 0.25:")
  const steps = 50
  for (let step = 1; step <= steps; step++) {
    using loss = tidy(() => {
      const x = rand([8, 1, 16, 16], { low: -1 })
      const loss = functional.mseLoss(layer.forward(x), functional.conv2d(x, filters, offsets))
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      return loss
    })
    if (step === 1 || step % 10 === 0) {
      lab.print(`step ${String(step).padStart(2)}  loss ${(await loss.item()).toExponential(1)}`)
    }
  }
  const after = await layer.weight.data()
  lab.close("the learned weights are Sobel's", after, [...across, ...down], 1e-3)
  lab.close('the learned bias is 0.5 and −0.25', await layer.bias.data(), [0.5, -0.25], 1e-3)
  const grids = (values: ArrayLike<number>) =>
    [0, 1].map((o) => numberGrid(rowsOf(Array.from(values).slice(9 * o, 9 * o + 9), 3), { caption: `filter ${o}` }))
  lab.section('The two filters before and after', expression(...grids(before), '→', ...grids(after)))
}

type Conv2d = (inChannels: number, outChannels: number, kernelSize: number, options: { padding: number }) => nn.Module

function network(conv: Conv2d): nn.Sequential {
  return new nn.Sequential(
    conv(1, 8, 3, { padding: 1 }), // [N, 8, 28, 28]
    new nn.ReLU(),
    new nn.MaxPool2d(2), // [N, 8, 14, 14]
    conv(8, 16, 3, { padding: 1 }), // [N, 16, 14, 14]
    new nn.ReLU(),
    new nn.MaxPool2d(2), // [N, 16, 7, 7]
    new nn.Flatten(),
    new nn.Linear(784, 10),
  )
}

/** Clothes are told apart by a network of own layers; beside it the library's with the same first weights and batches. */
async function learnsClothes(lab: Lab): Promise<void> {
  const [trainCount, testCount, epochs] = lab.isShort ? [1_920, 500, 1] : [10_240, 10_000, 4]
  using trainSet = await FashionMNIST.load({ train: true })
  using testSet = await FashionMNIST.load({ train: false })
  const own = network((...args) => new OwnConv2d(...args))
  const library = network((...args) => new nn.Conv2d(...args))
  library.loadStateDict(own.stateDict())
  const nets = [own, library].map((net) => ({
    net,
    optimizer: new optim.SGD(net.parameters(), { lr: 0.05 }),
    seconds: 0,
  }))

  lab.print(`\nTwo networks, of own layers and of the library's, on ${trainCount} pictures of clothes:`)
  const losses: number[][] = [[], []]
  for (let epoch = 0; epoch < epochs; epoch++) {
    const pictures = subset(trainSet, Array(trainCount).keys())
    for await (using batch of new DataLoader(pictures, { batchSize: 64, shuffle: true })) {
      for (const [i, entry] of nets.entries()) {
        const start = performance.now()
        using loss = tidy(() => {
          entry.optimizer.zeroGrad()
          const loss = functional.crossEntropy(entry.net.forward(batch.x), batch.y)
          loss.backward()
          entry.optimizer.step()
          return loss
        })
        losses[i]!.push(await loss.item())
        entry.seconds += (performance.now() - start) / 1000
      }
    }
  }
  const early = losses.map((each) => each.slice(0, 10))
  lab.close('the first ten losses are those of the library', early[0]!, early[1]!, 1e-3)

  const accuracies = await Promise.all(nets.map(({ net }) => accuracyOf(net, testSet, testCount)))
  const names = ['own layers', "the library's"]
  const rows = nets.map(({ seconds }, i) => {
    const last = losses[i]!.slice(-20).reduce((sum, loss) => sum + loss / 20, 0)
    return [names[i]!, last.toFixed(3), percent(accuracies[i]!), `${seconds.toFixed(1)} s`]
  })
  lab.table(['network', 'last losses', 'test accuracy', 'time'], rows)
  const least = lab.isShort ? 0.5 : 0.75
  lab.figure(percent(accuracies[0]!), 'of the test pictures recognised by own layers')
  lab.check(`own layers recognise at least ${percent(least)}`, accuracies[0]! >= least, percent(accuracies[0]!))
  const steps = losses[0]!.length
  const series = names.map((name, i) => ({ name, points: losses[i]!.map((loss, step) => [step + 1, loss] as const) }))
  const apart = losses[0]!.map((loss, step) => [step + 1, Math.abs(loss - losses[1]![step]!)] as const)
  lab.section(
    'Two networks, one curve',
    columns(
      lineChart(series, { x: 'step', y: 'cross-entropy', xDomain: [1, steps], width: 500 }),
      lineChart([{ name: 'distance of the two', points: apart }], {
        x: 'step',
        y: 'distance',
        xDomain: [1, steps],
        width: 500,
      }),
    ),
    'Both compute the same sums in another order, which changes the last bits. Training makes such differences grow, so ' +
      'the curves part after some steps, though not in what they come to.',
  )
}

async function accuracyOf(net: nn.Sequential, testSet: data.FashionMNIST, count: number): Promise<number> {
  let right = 0
  for await (using batch of new DataLoader(subset(testSet, Array(count).keys()), { batchSize: 500 })) {
    using hits = tidy(() => net.forward(batch.x).argmax(1).eq(batch.y).to('float32').sum())
    right += await hits.item()
  }
  return right / count
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
