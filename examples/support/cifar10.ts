// CIFAR-10, or drawn pictures in its layout, and the training of a small network on it.
import { data, functional, type nn, optim, Trainer } from '../../lib/index.js'
import type { Lab } from './lab.js'
import { temporaryFolder, writeSampleCifar10 } from './sample-data.js'

export interface Cifar10 {
  readonly trainSet: data.CIFAR10
  readonly testSet: data.CIFAR10
}

/** The pictures of `--data` or of the cache; drawn ones in the short form. */
export async function loadCifar10(lab: Lab): Promise<Cifar10> {
  const root = lab.isShort ? await writeSampleCifar10(temporaryFolder()) : lab.dataFolder
  const from = root === undefined ? {} : { root }
  const trainSet = await data.CIFAR10.load({ ...from, train: true })
  const testSet = await data.CIFAR10.load({ ...from, train: false })
  const kind = lab.isShort ? 'drawn pictures' : 'photographs of CIFAR-10'
  lab.print(`${count(trainSet.length)} ${kind} to learn from, ${count(testSet.length)} to be tested with.`)
  return { trainSet, testSet }
}

export interface LearnOptions {
  readonly epochs: number
  /** Default 128. */
  readonly batchSize?: number
  /** The highest learning rate of the cycle. Default 0.1. */
  readonly lr?: number
  /** Default 5e-4. */
  readonly weightDecay?: number
}

/** SGD with momentum, weight decay and one cycle of the learning rate, on pictures and their mirror images. Gives the test accuracy. */
export async function learnCifar10(
  lab: Lab,
  net: nn.Module,
  { trainSet, testSet }: Cifar10,
  { epochs, batchSize = 128, lr = 0.1, weightDecay = 5e-4 }: LearnOptions,
): Promise<number> {
  const transform = data.transforms.randomHorizontalFlip()
  const loader = new data.DataLoader(trainSet, { batchSize, shuffle: true, dropLast: true, transform })
  const optimizer = new optim.SGD(net.parameters(), { lr, momentum: 0.9, weightDecay })
  const scheduler = new optim.OneCycleLR(optimizer, lr, { totalSteps: epochs * loader.length })
  const trainer = new Trainer(net, {
    optimizer,
    scheduler,
    schedulerInterval: 'step',
    loss: functional.crossEntropy,
  })
  const history = await trainer.fit(loader, {
    epochs,
    validation: new data.DataLoader(testSet, { batchSize: 500 }),
    onEpoch: ({ epoch, loss, validation, seconds }) => {
      const test = `test accuracy ${(100 * (validation?.accuracy ?? Number.NaN)).toFixed(1)} %`
      lab.print(`epoch ${epoch + 1}  loss ${loss.toFixed(3)}  ${test}  ${seconds.toFixed(1)} s`)
    },
  })
  return history.at(-1)?.validation?.accuracy ?? 0
}

function count(pictures: number): string {
  return pictures.toLocaleString('en')
}
