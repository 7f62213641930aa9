// CIFAR-10: a small network trained picture by picture, as first tutorials do it, and then properly: in batches, on the
// training pictures, measured on pictures it has never seen, beside PyTorch.
//
//   node dist/examples/11-cifar10.js --data <folder that holds cifar-10-batches-bin/>
import { existsSync } from 'node:fs'
import path from 'node:path'
import { cacheFolder } from '../lib/data/download.js'
import { data, functional, manualSeed, models, type nn, noGrad, optim, Trainer, tidy, train } from '../lib/index.js'
import { confusionMatrix, lineChart, shareBars } from './support/charts.js'
import { experiment, type Lab } from './support/experiment.js'
import { md5Of, type Peer, peerRecord } from './support/peer.js'
import { colourPicture } from './support/pictures.js'
import { captioned, columns, gallery } from './support/report.js'
import { temporaryFolder, writeSampleCifar10 } from './support/sample-data.js'

const { CIFAR10, DataLoader } = data

await experiment(
  import.meta.url,
  {
    title: 'CIFAR-10',
    question:
      'What does a small convolutional network learn of 32×32 photographs, and what does PyTorch get from them?',
    fullMinutes: 8,
  },
  async (lab) => {
    const root = lab.isShort ? await writeSampleCifar10(temporaryFolder(), { test: 100 }) : lab.dataFolder
    const from = root === undefined ? {} : { root }
    const peer = lab.isShort ? undefined : await samePictures(root)
    await pictureByPicture(lab, from, peer)
    await inBatches(lab, from, peer)
  },
)

/** PyTorch's figures, if they are of these pictures: another copy gives others. */
async function samePictures(root = path.join(cacheFolder(), 'cifar-10')): Promise<Peer | undefined> {
  const peer = await peerRecord('11-cifar10')
  const file = path.join(root, 'cifar-10-batches-bin', 'test_batch.bin')
  return existsSync(file) && (await md5Of([file])) === peer.testMd5 ? peer : undefined
}

/** Batch size 1, SGD 0.01, cross-entropy, the test pictures as they come: each epoch prints the sum of its losses. */
async function pictureByPicture(lab: Lab, from: data.CIFAR10Options, peer?: Peer): Promise<void> {
  const epochs = lab.isShort ? 4 : 10
  lab.print(`Picture by picture: batch size 1, SGD 0.01, ${epochs} epochs over the test pictures, not normalised.`)
  manualSeed(1)
  using pictures = await CIFAR10.load({ ...from, train: false, mean: 0, std: 1 })
  const net = models.cifar10Net()
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.01 })
  const sums: number[] = []
  const start = performance.now()
  for (let epoch = 1; epoch <= epochs; epoch++) {
    let runningLoss = 0
    for await (using batch of new DataLoader(pictures, { batchSize: 1 })) {
      using loss = tidy(() => {
        optimizer.zeroGrad()
        const loss = functional.crossEntropy(net.forward(batch.x), batch.y)
        loss.backward()
        optimizer.step()
        return loss
      })
      runningLoss += await loss.item()
    }
    sums.push(runningLoss)
    lab.print(`epoch ${String(epoch).padStart(2)}  running loss ${runningLoss.toFixed(1)}`)
  }
  const seconds = (performance.now() - start) / 1000
  const steps = epochs * pictures.length
  lab.print(`${steps} steps in ${seconds.toFixed(1)} s, ${((1000 * seconds) / steps).toFixed(2)} ms a step`)

  lab.check(
    'the running loss falls from the first epoch to the third',
    sums[1]! < sums[0]! && sums[2]! < sums[1]!,
    sums
      .slice(0, 3)
      .map((sum) => sum.toFixed(0))
      .join(' → '),
  )
  const curve = (name: string, values: readonly number[]) => ({
    name,
    points: values.map((sum, i) => [i + 1, sum / pictures.length] as const),
    dots: true,
  })
  const theirs = peer?.pictureByPicture
  if (theirs) lab.print(`PyTorch ${peer.settings.torch}, from other first weights: ${theirs.join('  ')}`)
  const curves = [curve('this library', sums), ...(theirs ? [curve('PyTorch', theirs)] : [])]
  lab.section(
    'Picture by picture',
    lineChart(curves, { x: 'epoch', y: 'cross-entropy', xDomain: [1, epochs] }),
    'Batch size 1 is slow, and restless: each picture pulls its own way, and at a constant rate of 0.01 the loss rises ' +
      'again after a few epochs. The loss of pictures that were trained on says nothing about others, either.',
  )
  lab.print()
}

/** Batches of 64 training pictures, momentum, a cosine schedule; what counts is the accuracy on the test pictures. */
async function inBatches(lab: Lab, from: data.CIFAR10Options, peer?: Peer): Promise<void> {
  lab.print('In batches: 64 training pictures a step, SGD 0.01 with momentum 0.9, cosine schedule.')
  manualSeed(1)
  using trainSet = await CIFAR10.load({ ...from, train: true })
  using testSet = await CIFAR10.load({ ...from, train: false })
  const trainLoader = new DataLoader(trainSet, { batchSize: 64, shuffle: true })
  const testLoader = new DataLoader(testSet, { batchSize: 500 })
  const net = models.cifar10Net()
  const epochs = lab.isShort ? 5 : 10
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.01, momentum: 0.9 })
  const scheduler = new optim.CosineAnnealingLR(optimizer, epochs)
  const trainer = new Trainer(net, {
    optimizer,
    scheduler,
    loss: functional.crossEntropy,
    callbacks: process.stdout.isTTY ? [train.progressBar()] : [],
  })
  lab.print('epoch  training loss  training accuracy  test accuracy  time')
  const history = await trainer.fit(trainLoader, {
    epochs,
    validation: testLoader,
    onEpoch: ({ epoch, loss, accuracy, validation, seconds }) => {
      const columns = [
        epoch + 1,
        loss.toFixed(4),
        percent(accuracy),
        percent(validation?.accuracy),
        `${seconds.toFixed(0)} s`,
      ]
      const widths = [5, 13, 17, 13, 5]
      lab.print(
        columns
          .map((value, i) => String(value).padStart(widths[i]!))
          .join('  ')
          .trimEnd(),
      )
    },
  })
  const accuracy = history.at(-1)?.validation?.accuracy ?? 0
  lab.figure(percent(accuracy), `test accuracy after ${epochs} epochs of batches`)
  const chance = 1 / testSet.classes.length
  lab.check(
    'the network knows the test pictures better than by guessing five times',
    accuracy > 5 * chance,
    percent(accuracy),
  )
  besidePyTorch(lab, accuracy, peer)

  const curve = (name: string, of: (record: train.EpochRecord) => number | undefined) => ({
    name,
    points: history.map((record) => [record.epoch + 1, of(record) ?? Number.NaN] as const),
    dots: true,
  })
  const accuracies = lineChart(
    [curve('training', ({ accuracy }) => accuracy), curve('test', ({ validation }) => validation?.accuracy)],
    { x: 'epoch', y: 'accuracy', xDomain: [1, epochs], percent: true },
  )
  const losses = lineChart(
    [curve('training', ({ loss }) => loss), curve('test', ({ validation }) => validation?.loss)],
    {
      x: 'epoch',
      y: 'cross-entropy',
      xDomain: [1, epochs],
    },
  )
  lab.section('In batches', columns(captioned('Accuracy', accuracies), captioned('Loss', losses)))
  await drawPredictions(lab, net, testSet)
}

function besidePyTorch(lab: Lab, accuracy: number, peer: Peer | undefined): void {
  if (!peer) {
    if (!lab.isShort) lab.print("PyTorch's figure is of another copy of the pictures, and is not compared.")
    return
  }
  lab.print(`${peer.description}: ${percent(peer.accuracy)}`)
  lab.figure(percent(peer.accuracy), 'PyTorch, the same files and settings')
  const difference = 100 * (accuracy - peer.accuracy)
  lab.check("within one point of PyTorch's accuracy", Math.abs(difference) <= 1, `${difference.toFixed(2)} points`)
}

/** Which class is taken for which, how well each is known, and the first pictures with their predictions. */
async function drawPredictions(lab: Lab, net: nn.Sequential, testSet: data.CIFAR10): Promise<void> {
  const { classes } = testSet
  const counts = classes.map(() => classes.map(() => 0))
  const predicted: number[] = []
  net.eval()
  for await (using batch of new DataLoader(testSet, { batchSize: 500 })) {
    using best = tidy(() => noGrad(() => net.forward(batch.x).argmax(1)))
    const actual = await batch.y.data()
    for (const [i, guess] of (await best.data()).entries()) {
      counts[actual[i]!]![guess]!++
      predicted.push(guess)
    }
  }
  const recalls = classes.map((name, i) => [name, counts[i]![i]! / counts[i]!.reduce((sum, n) => sum + n, 0)] as const)
  lab.section(
    'Which class is taken for which',
    columns(confusionMatrix(counts, classes, 620), shareBars(recalls, 'recognised')),
  )
  const shown = 24
  using first = testSet.inputs.narrow(0, 0, shown)
  const [pixels, labels] = [await first.data(), await testSet.targets.data()]
  const pictures = Array.from({ length: shown }, async (_, i) => {
    const [guess, actual] = [predicted[i]!, labels[i]!]
    return {
      source: await colourPicture(pixels.subarray(i * 3072, (i + 1) * 3072), 32, 32, 3),
      caption: classes[guess]!,
      ...(guess === actual ? {} : { note: `is ${classes[actual]}`, isWrong: true }),
    }
  })
  lab.section('The first test pictures', gallery(await Promise.all(pictures)))
}

function percent(share = Number.NaN): string {
  return `${(100 * share).toFixed(2)} %`
}
