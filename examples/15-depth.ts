// Depth: plain and residual networks of 20 and 56 layers (He, Zhang, Ren, Sun 2015, section 4.2), and their loss curves.
//
//   node dist/examples/15-depth.js --data <folder that holds cifar-10-batches-bin/>
import { data, functional, manualSeed, models, optim, Trainer } from '../lib/index.js'
import { lineChart } from './support/charts.js'
import { type Cifar10, loadCifar10 } from './support/cifar10.js'
import { experiment, type Lab } from './support/experiment.js'

const { DataLoader, subset, transforms } = data

const designs = [
  { name: 'plain, 20 layers', depth: 20, residual: false },
  { name: 'plain, 56 layers', depth: 56, residual: false },
  { name: 'residual, 20 layers', depth: 20, residual: true },
  { name: 'residual, 56 layers', depth: 56, residual: true },
] as const

type Design = (typeof designs)[number]

interface Budget {
  /** Channels of the first stage; 16 in the paper. */
  readonly baseChannels: number
  readonly pictures: number
  readonly testPictures: number
  readonly batchSize: number
  readonly epochs: number
  /** Steps in which the learning rate rises to its full height: at once it would throw deep networks off. */
  readonly warmUp: number
}

const full: Budget = { baseChannels: 8, pictures: 7_680, testPictures: 2_000, batchSize: 128, epochs: 5, warmUp: 60 }
const short: Budget = { baseChannels: 4, pictures: 640, testPictures: 100, batchSize: 32, epochs: 1, warmUp: 5 }

interface Result {
  readonly design: Design
  readonly losses: readonly number[]
  /** The mean loss of the last steps. */
  readonly last: number
  readonly accuracy: number
  readonly seconds: number
}

await experiment(
  import.meta.url,
  {
    title: 'Depth',
    question: 'What becomes of a plain network that is made deeper, and what do shortcuts change?',
    fullMinutes: 6,
  },
  async (lab) => {
    const budget = lab.isShort ? short : full
    const { baseChannels, pictures, batchSize, epochs, warmUp } = budget
    countParameters(lab, baseChannels)
    const sets = await loadCifar10(lab)
    const steps = epochs * Math.floor(pictures / batchSize)
    lab.print(
      `Trained on ${count(pictures)} of them and their mirror images: ${steps} steps of ${batchSize} pictures, SGD 0.1 after`,
    )
    lab.print(
      `${warmUp} steps of warm-up, momentum 0.9, weight decay 0.0001; ${baseChannels} channels in the first stage instead of 16.`,
    )
    lab.print()
    const results: Result[] = []
    for (const design of designs) results.push(await learn(lab, design, sets, budget))
    compare(lab, results, steps)
  },
)

/** Without projections, a shortcut has no parameters: the two networks of a depth have equally many. */
function countParameters(lab: Lab, own: number): void {
  for (const depth of [20, 56]) {
    for (const baseChannels of [16, own]) {
      const [plain, residual] = [false, true].map((residual) => {
        const net = models.cifarResNet({ depth, residual, baseChannels })
        const params = net.parameters().reduce((sum, { size }) => sum + size, 0)
        net.dispose()
        return params
      }) as [number, number]
      const byHand = parametersByHand(depth, baseChannels)
      const claim = `${depth} layers from ${baseChannels} channels on: as many parameters as counted by hand, plain or residual`
      lab.check(claim, plain === byHand && residual === byHand, `${count(plain)} and ${count(residual)}`)
    }
  }
  lab.print()
}

/** 3×3 convolutions without bias, each with the factor and the summand of its normalisation; then a linear layer. */
function parametersByHand(depth: number, baseChannels: number): number {
  const unit = (c: number, f: number) => 9 * c * f + 2 * f
  const convolutions = (depth - 2) / 3 // of a stage
  const stage = (c: number, f: number) => unit(c, f) + (convolutions - 1) * unit(f, f)
  const [w1, w2, w3] = [baseChannels, 2 * baseChannels, 4 * baseChannels]
  return unit(3, w1) + stage(w1, w1) + stage(w1, w2) + stage(w2, w3) + 10 * (w3 + 1)
}

async function learn(lab: Lab, design: Design, { trainSet, testSet }: Cifar10, budget: Budget): Promise<Result> {
  const { baseChannels, pictures, testPictures, batchSize, epochs, warmUp } = budget
  manualSeed(1)
  const { name, depth, residual } = design
  const net = models.cifarResNet({ depth, residual, baseChannels })
  const transform = transforms.randomHorizontalFlip()
  const chosen = subset(trainSet, Array(pictures).keys())
  const loader = new DataLoader(chosen, { batchSize, shuffle: true, dropLast: true, transform })
  const testLoader = new DataLoader(subset(testSet, Array(testPictures).keys()), { batchSize: 500 })
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 1e-4 })
  const scheduler = new optim.LinearLR(optimizer, { startFactor: 0.05, totalIters: warmUp })
  const trainer = new Trainer(net, { optimizer, scheduler, schedulerInterval: 'step', loss: functional.crossEntropy })
  const losses: number[] = []
  const history = await trainer.fit(loader, { epochs, onStep: ({ stepLoss }) => void losses.push(stepLoss) })
  const { accuracy = Number.NaN } = await trainer.evaluate(testLoader)
  const seconds = history.reduce((sum, epoch) => sum + epoch.seconds, 0)
  net.dispose()
  const last = mean(losses.slice(-window(losses.length)))
  lab.print(`${name.padEnd(20)} loss ${last.toFixed(3)} at the end, ${seconds.toFixed(1)} s`)
  return { design, losses, last, accuracy, seconds }
}

function compare(lab: Lab, results: readonly Result[], steps: number): void {
  lab.print()
  lab.table(
    ['network', 'loss at first', 'loss at the end', 'test accuracy', 'training'],
    results.map(({ design, losses, last, accuracy, seconds }) => [
      design.name,
      mean(losses.slice(0, window(steps))).toFixed(3),
      last.toFixed(3),
      `${(100 * accuracy).toFixed(1)} %`,
      `${seconds.toFixed(1)} s`,
    ]),
  )
  const lossOf = (depth: number, residual: boolean) =>
    results.find(({ design }) => design.depth === depth && design.residual === residual)!
  const [plain20, plain56] = [lossOf(20, false), lossOf(56, false)]
  const [residual20, residual56] = [lossOf(20, true), lossOf(56, true)]
  const below = (a: Result, b: Result) => `${a.last.toFixed(3)} and ${b.last.toFixed(3)}`
  const areFinite = results.every(({ losses }) => losses.length === steps && losses.every(Number.isFinite))
  lab.check('all losses are finite', areFinite, `${results.length} times ${steps} steps`)
  const first = mean(residual20.losses.slice(0, window(steps)))
  const measured = `${first.toFixed(3)} → ${residual20.last.toFixed(3)}`
  lab.check('the loss of the residual network of 20 layers falls', residual20.last < first, measured)
  if (!lab.isShort) {
    lab.check('plain, 56 layers learn less than 20', plain56.last > plain20.last, below(plain56, plain20))
    lab.check('of 56 layers, residual ones learn more', residual56.last < plain56.last, below(residual56, plain56))
    const gap = (plain56.last - residual56.last).toFixed(2)
    lab.figure(gap, 'lower is the training loss of 56 layers with shortcuts than without')
  }
  const curves = results.map(({ design, losses }) => ({ name: design.name, points: smoothed(losses) }))
  lab.section(
    'Training loss',
    lineChart(curves, { x: 'step', y: 'cross-entropy', xDomain: [0, steps], width: 760, height: 380 }),
    `Each point is the mean of ${window(steps)} steps. The deep plain network could copy the shallow one and let its other layers pass ` +
      'on what comes in, and yet its training loss is higher: it is not that it fits too well, it is harder to train. A block ' +
      'that adds its input passes it on from the start.',
  )
}

/** How many steps are averaged: a tenth. */
function window(steps: number): number {
  return Math.max(1, Math.floor(steps / 10))
}

/** Means over a window that moves from step to step. */
function smoothed(losses: readonly number[]): [number, number][] {
  const size = window(losses.length)
  return losses.slice(size - 1).map((_, i) => [i + size, mean(losses.slice(i, i + size))])
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function count(value: number): string {
  return value.toLocaleString('en')
}
