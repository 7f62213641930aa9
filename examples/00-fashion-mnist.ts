// Trains a small convolutional network on Fashion-MNIST (60,000 pictures of clothes, ten classes) to more than 90 %
// accuracy, and writes its weights and a report that opens in any browser.
//
//   npm run demo                        # six epochs on the best device of the machine
//   npm run demo -- --epochs 2 --device cpu
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import {
  type DeviceName,
  data,
  functional,
  manualSeed,
  nn,
  optim,
  saveSafetensors,
  setDefaultDevice,
  train,
} from '../lib/index.js'
import { writeFashionReport } from './support/fashion-report.js'

const { DataLoader, FashionMNIST } = data
const goal = 0.9

interface Options {
  epochs: number
  batchSize: number
  lr: number
  seed: number
  device: DeviceName
  out: string
}

const options = new Command()
  .name('00-fashion-mnist')
  .description('Trains a convolutional network on Fashion-MNIST and writes a report.')
  .option('-e, --epochs <n>', 'passes over the training pictures', positiveInteger, 6)
  .option('-b, --batch-size <n>', 'pictures in a step', positiveInteger, 128)
  .option('--lr <x>', 'highest learning rate of the one-cycle schedule', positiveNumber, 0.005)
  .option('--seed <n>', 'of weights, order and dropout', positiveInteger, 1)
  .option('-d, --device <name>', "'auto', 'cpu', 'cuda:0', …", 'auto')
  .option('-o, --out <folder>', 'where weights and report go', 'out')
  .parse()
  .opts<Options>()

setDefaultDevice(options.device)
manualSeed(options.seed)
await mkdir(options.out, { recursive: true })

const [trainSet, testSet] = await Promise.all([FashionMNIST.load({ train: true }), FashionMNIST.load({ train: false })])
const trainLoader = new DataLoader(trainSet, { batchSize: options.batchSize, shuffle: true, dropLast: true })
const testLoader = new DataLoader(testSet, { batchSize: 500 })

const net = new nn.Sequential(
  new nn.Conv2d(1, 32, 5, { padding: 2, bias: false }), // [N, 32, 28, 28]
  new nn.BatchNorm2d(32),
  new nn.ReLU(),
  new nn.MaxPool2d(2), // [N, 32, 14, 14]
  new nn.Conv2d(32, 64, 3, { padding: 1, bias: false }), // [N, 64, 14, 14]
  new nn.BatchNorm2d(64),
  new nn.ReLU(),
  new nn.MaxPool2d(2), // [N, 64, 7, 7]
  new nn.Flatten(),
  new nn.Dropout(0.3),
  new nn.Linear(64 * 7 * 7, 128),
  new nn.ReLU(),
  new nn.Linear(128, 10),
)
const optimizer = new optim.AdamW(net.parameters(), { lr: options.lr, weightDecay: 0.01 })
const scheduler = new optim.OneCycleLR(optimizer, options.lr, { totalSteps: options.epochs * trainLoader.length })
const trainer = new train.Trainer(net, {
  optimizer,
  scheduler,
  schedulerInterval: 'step',
  loss: functional.crossEntropy,
  callbacks: [train.progressBar()],
})

const stepLosses: number[] = []
const start = performance.now()
const history = await trainer.fit(trainLoader, {
  epochs: options.epochs,
  validation: testLoader,
  onStep: ({ stepLoss }) => stepLosses.push(stepLoss),
})
const seconds = (performance.now() - start) / 1000
const { accuracy = 0 } = history.at(-1)?.validation ?? {}

const weights = path.join(options.out, 'fashion-mnist.safetensors')
await saveSafetensors(weights, net.stateDict(), {
  metadata: { accuracy: String(accuracy), seed: String(options.seed) },
})
const report = path.join(options.out, 'fashion-mnist.html')
await writeFashionReport(report, { net, trainer, testSet, stepLosses, seconds, options })

console.log(`accuracy ${(100 * accuracy).toFixed(2)} % after ${options.epochs} epochs in ${seconds.toFixed(0)} s`)
console.log(`weights ${weights}, report ${report}`)
if (accuracy < goal) {
  console.error(`expected at least ${100 * goal} %`)
  process.exitCode = 1
}

function positiveInteger(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected an integer from 1 on')
  return value
}

function positiveNumber(text: string): number {
  const value = Number(text)
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('expected a number above 0')
  return value
}
