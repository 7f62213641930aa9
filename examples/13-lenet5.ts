// LeNet-5 (LeCun, Bottou, Bengio, Haffner 1998): the first well-known convolutional network, on clothes of 28×28 pixels
// padded to the 32×32 that it was made for.
import { data, functional, manualSeed, models, nn, noGrad, optim, type Tensor, Trainer, tidy } from '../lib/index.js'
import { confusionMatrix, lineChart, shareBars } from './support/charts.js'
import { experiment, type Lab } from './support/experiment.js'
import { columns } from './support/report.js'

const { DataLoader, FashionMNIST, subset } = data

await experiment(
  import.meta.url,
  {
    title: 'LeNet-5',
    question: 'What does the network of 1998 make of pictures of clothes, padded from 28×28 to 32×32?',
    fullMinutes: 1.5,
  },
  async (lab) => {
    manualSeed(1)
    // Two rows and columns of background on every side: black, which is not 0 once pictures are normalised.
    const black = -0.286 / 0.353
    const transform = (x: Tensor) => functional.pad(x, [2, 2, 2, 2], { value: black })
    using trainSet = await FashionMNIST.load({ train: true, transform })
    using testSet = await FashionMNIST.load({ train: false, transform })
    const [trainCount, testCount, epochs] = lab.isShort ? [8_000, 1_000, 2] : [60_000, 10_000, 12]
    const trainLoader = new DataLoader(subset(trainSet, Array(trainCount).keys()), { batchSize: 64, shuffle: true })
    const testLoader = new DataLoader(subset(testSet, Array(testCount).keys()), { batchSize: 500 })

    const net = models.lenet5()
    const summary = nn.summary(net, [1, 1, 32, 32])
    lab.print(String(summary))
    lab.check('61,706 parameters, C3 joined to all of S2', summary.params === 61_706, String(summary.params))
    for await (using batch of testLoader) {
      const shape = batch.x.shape.join(', ')
      lab.check('pictures come as [N, 1, 32, 32]', shape === `${batch.x.shape[0]}, 1, 32, 32`, `[${shape}]`)
      const corner = await tidy(() => batch.x.narrow(2, 0, 2)).data()
      lab.close('what was added is black', corner, Array(corner.length).fill(black), 1e-6)
      break
    }

    const optimizer = new optim.AdamW(net.parameters())
    const scheduler = new optim.OneCycleLR(optimizer, 0.004, { totalSteps: epochs * trainLoader.length })
    const loss = functional.crossEntropy
    const trainer = new Trainer(net, { optimizer, scheduler, schedulerInterval: 'step', loss })
    const history = await trainer.fit(trainLoader, {
      epochs,
      validation: testLoader,
      onEpoch: ({ epoch, loss, validation, seconds }) => {
        const test = `test ${percent(validation?.accuracy)}`
        lab.print(`epoch ${String(epoch + 1).padStart(2)}  loss ${loss.toFixed(3)}  ${test}  ${seconds.toFixed(1)} s`)
      },
    })
    const accuracy = history.at(-1)?.validation?.accuracy ?? 0
    lab.figure(percent(accuracy), `of the test pictures recognised after ${epochs} epochs`)
    const least = lab.isShort ? 0.7 : 0.88
    lab.check(`at least ${percent(least)} of the test pictures are recognised`, accuracy >= least, percent(accuracy))

    const curve = (name: string, value: (i: number) => number | undefined) => ({
      name,
      points: history.map((_, i) => [i + 1, value(i) ?? Number.NaN] as const),
      dots: true,
    })
    const lines = [
      curve('training', (i) => history[i]?.accuracy),
      curve('test', (i) => history[i]?.validation?.accuracy),
    ]
    lab.section('Accuracy', lineChart(lines, { x: 'epoch', y: 'accuracy', xDomain: [1, epochs], percent: true }))
    await drawConfusion(lab, net, testLoader, testSet.classes)
  },
)

async function drawConfusion(
  lab: Lab,
  net: nn.Sequential,
  loader: data.DataLoader,
  classes: readonly string[],
): Promise<void> {
  const counts = classes.map(() => classes.map(() => 0))
  net.eval()
  for await (using batch of loader) {
    using best = tidy(() => noGrad(() => net.forward(batch.x).argmax(1)))
    const actual = await batch.y.data()
    for (const [i, guess] of (await best.data()).entries()) counts[actual[i]!]![guess]!++
  }
  const recalls = classes.map((name, i) => [name, counts[i]![i]! / counts[i]!.reduce((sum, n) => sum + n, 0)] as const)
  const mistakes = classes.flatMap((actual, i) =>
    classes.map((guess, j) => ({ actual, guess, count: i === j ? 0 : counts[i]![j]! })),
  )
  const [worst] = mistakes.sort((a, b) => b.count - a.count)
  lab.print(`Most often, ${worst!.actual} is taken for ${worst!.guess}: ${worst!.count} times.`)
  lab.section(
    'Which class is taken for which',
    columns(confusionMatrix(counts, classes, 620), shareBars(recalls, 'recognised')),
  )
}

function percent(share = Number.NaN): string {
  return `${(100 * share).toFixed(2)} %`
}
