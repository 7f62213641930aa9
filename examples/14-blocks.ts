// The blocks compared: thirteen kinds of block in one outline, trained on the same pictures for the same number of steps.
//
//   node dist/examples/14-blocks.js --data <folder that holds cifar-10-batches-bin/>
import { blocks, data, functional, manualSeed, nn, optim, Trainer } from '../lib/index.js'
import { type BlockKind, blockKinds } from './support/block-kinds.js'
import { scatterChart } from './support/charts.js'
import { type Cifar10, loadCifar10 } from './support/cifar10.js'
import { experiment, type Lab } from './support/experiment.js'

const { DataLoader, subset, transforms } = data

/** Channels of the first convolution and of the two stages. */
type Widths = readonly [stem: number, first: number, second: number]

interface Network {
  readonly net: nn.Module
  readonly stages: readonly [blocks.Block, blocks.Block]
}

/**
 * The outline that all share: a convolution, the first stage on 16×16, the second on 8×8, a linear layer. Some blocks end in a
 * sum or a concatenation without activation; so normalisation and ReLU stand before the last pooling of all.
 */
function network({ stage }: BlockKind, [stem, first, second]: Widths): Network {
  const head = blocks.stack(3, [{ type: 'conv', outChannels: stem }, { type: 'maxPool' }]) // [N, stem, 16, 16]
  const one = stage(stem, first)
  const two = stage(one.outChannels, second)
  const { outChannels } = two
  const net = new nn.Sequential(
    head,
    one,
    new nn.MaxPool2d(2), // [N, C, 8, 8]
    two,
    new nn.BatchNorm2d(outChannels),
    new nn.ReLU(),
    new nn.GlobalAvgPool({ keepdim: false }), // [N, C]
    new nn.Linear(outChannels, 10),
  )
  return { net, stages: [one, two] }
}

interface Budget {
  readonly widths: Widths
  readonly pictures: number
  readonly testPictures: number
  readonly batchSize: number
  readonly epochs: number
}

const full: Budget = { widths: [16, 32, 64], pictures: 5_000, testPictures: 2_000, batchSize: 32, epochs: 2 }
const short: Budget = { widths: [8, 16, 32], pictures: 480, testPictures: 100, batchSize: 32, epochs: 2 }
/** Of ten classes; guessing knows one in ten. */
const leastAccuracy = 0.3

/** What was measured of one kind of block. */
interface Result {
  readonly name: string
  readonly paper: string
  /** Parameters of the two stages. */
  readonly counted: readonly number[]
  readonly byHand: readonly number[]
  /** Of the whole network. */
  readonly params: number
  readonly multiplyAdds: number
  readonly accuracy: number
  readonly seconds: number
  /** The mean training loss of the first and of the last tenth of the steps. */
  readonly loss: { readonly start: number; readonly end: number }
}

await experiment(
  import.meta.url,
  {
    title: 'The blocks compared',
    question: 'What do the blocks of thirteen architectures cost, and what do they learn from the same few steps?',
    fullMinutes: 3,
  },
  async (lab) => {
    const budget = lab.isShort ? short : full
    const pictures = await loadCifar10(lab)
    const steps = budget.epochs * Math.floor(budget.pictures / budget.batchSize)
    const [stem, first, second] = budget.widths
    lab.print(`Each network: a convolution to ${stem} channels, two blocks (four dense layers) of ${first} channels on`)
    lab.print(`16×16, two of ${second} on 8×8, a linear layer. Naive inception adds its input's channels to these.`)
    lab.print(
      `Each is trained on the same ${count(budget.pictures)} pictures: ${steps} steps of ${budget.batchSize}, one cycle up to a rate of 0.05.`,
    )
    lab.print()
    const results: Result[] = []
    for (const kind of blockKinds) {
      const result = await measure(kind, pictures, budget)
      // The table comes minutes later.
      process.stdout.write(`${result.name}: ${percent(result.accuracy)} after ${result.seconds.toFixed(1)} s\n`)
      results.push(result)
    }
    lab.print()
    tell(lab, results, budget)
  },
)

/** The kind's parameters, and those counted by hand; its training. */
async function measure(kind: BlockKind, { trainSet, testSet }: Cifar10, budget: Budget): Promise<Result> {
  manualSeed(1)
  const { widths, pictures, testPictures, batchSize, epochs } = budget
  const { net, stages } = network(kind, widths)
  const [stem, first, second] = widths
  const counted = stages.map(paramsOf)
  const byHand = [kind.params(stem, first), kind.params(stages[0].outChannels, second)]
  const { params, multiplyAdds } = nn.summary(net, [1, 3, 32, 32])

  const transform = transforms.randomHorizontalFlip()
  const chosen = subset(trainSet, Array(pictures).keys())
  const loader = new DataLoader(chosen, { batchSize, shuffle: true, dropLast: true, transform })
  const testLoader = new DataLoader(subset(testSet, Array(testPictures).keys()), { batchSize: 500 })
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9, weightDecay: 5e-4 })
  const scheduler = new optim.OneCycleLR(optimizer, 0.05, { totalSteps: epochs * loader.length })
  const options = { optimizer, scheduler, schedulerInterval: 'step', loss: functional.crossEntropy } as const
  const trainer = new Trainer(net, options)
  const losses: number[] = []
  const history = await trainer.fit(loader, { epochs, onStep: ({ stepLoss }) => void losses.push(stepLoss) })
  const { accuracy = Number.NaN } = await trainer.evaluate(testLoader)
  const seconds = history.reduce((sum, epoch) => sum + epoch.seconds, 0)
  net.dispose()
  const { name, paper } = kind
  const tenth = Math.floor(losses.length / 10)
  const loss = { start: mean(losses.slice(0, tenth)), end: mean(losses.slice(-tenth)) }
  return { name, paper, counted, byHand, params, multiplyAdds, accuracy, seconds, loss }
}

function tell(lab: Lab, results: readonly Result[], { epochs, pictures, batchSize }: Budget): void {
  lab.table(
    ['block', 'published', 'parameters', 'multiply-adds', 'training loss', 'test accuracy', 'training'],
    results.map(({ name, paper, params, multiplyAdds, loss, accuracy, seconds }) => [
      name,
      paper,
      count(params),
      `${(multiplyAdds / 1e6).toFixed(2)} M`,
      `${loss.start.toFixed(2)} → ${loss.end.toFixed(2)}`,
      percent(accuracy),
      `${seconds.toFixed(1)} s`,
    ]),
  )
  const every = (claim: string, isTrueOf: (result: Result) => boolean) => {
    const others = results.filter((result) => !isTrueOf(result)).map(({ name }) => name)
    lab.check(
      claim,
      others.length === 0,
      others.length === 0 ? `${results.length} of them` : `not ${others.join(', ')}`,
    )
  }
  every('in every network, both stages have as many parameters as counted by hand', ({ counted, byHand }) =>
    counted.every((params, i) => params === byHand[i]),
  )
  every("every network's training loss falls", ({ loss }) => loss.end < loss.start)
  if (!lab.isShort) {
    const claim = `every network knows at least ${percent(leastAccuracy)} of the test pictures`
    every(claim, ({ accuracy }) => accuracy >= leastAccuracy)
  }
  const costs = results.map(({ multiplyAdds }) => multiplyAdds)
  const [least, most] = [Math.min(...costs), Math.max(...costs)]
  lab.figure(`${(most / least).toFixed(1)} ×`, 'multiply-adds of the dearest network over those of the cheapest')
  const points = results.map(({ name, multiplyAdds, accuracy }) => ({ name, x: multiplyAdds / 1e6, y: accuracy }))
  lab.section(
    'Accuracy over cost',
    scatterChart(points, { x: 'million multiply-adds for one picture', y: 'test accuracy', percent: true }),
    `After ${epochs} epochs of ${count(pictures)} pictures in batches of ${batchSize}. One run each, of small networks and few ` +
      'steps: another seed moves the points, and a longer training may change their order. What stays is the cost.',
  )
}

function paramsOf(module: nn.AnyModule): number {
  return [...module.namedParameters()].reduce((sum, [, parameter]) => sum + parameter.size, 0)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function count(value: number): string {
  return value.toLocaleString('en')
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
