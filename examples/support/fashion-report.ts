// The report of example 00: curves, filters, mistakes and the set-up.
import { cpus } from 'node:os'
import { data, devices, functional, type nn, noGrad, type Tensor, tidy, type train } from '../../lib/index.js'
import { confusionMatrix, lineChart, shareBars } from './charts.js'
import { greyPicture, signedTiles } from './pictures.js'
import { captioned, columns, gallery, type Picture, picture, table, writeReport } from './report.js'

interface Run {
  readonly net: nn.Sequential
  readonly trainer: train.Trainer
  readonly testSet: data.FashionMNIST
  readonly stepLosses: readonly number[]
  /** Of training and evaluation. */
  readonly seconds: number
  readonly options: { epochs: number; batchSize: number; lr: number; seed: number }
}

/** What the network says of one test picture. */
interface Prediction {
  readonly index: number
  readonly actual: number
  readonly predicted: number
  /** Of the predicted class, 0 to 1. */
  readonly probability: number
}

export async function writeFashionReport(file: string, run: Run): Promise<void> {
  const { net, trainer, testSet, stepLosses, seconds, options } = run
  const { classes } = testSet
  const predictions = await predictAll(net, testSet)
  const wrong = predictions.filter(({ actual, predicted }) => actual !== predicted)
  const accuracy = percent(1 - wrong.length / predictions.length)
  const { history } = trainer
  const trainingSeconds = history.reduce((sum, record) => sum + record.seconds, 0)
  const speed = history.reduce((sum, record) => sum + record.examplesPerSecond * record.seconds, 0) / trainingSeconds
  const parameters = net.parameters().reduce((sum, { size }) => sum + size, 0)
  const device = testSet.inputs.device
  const sure = wrong.toSorted((a, b) => b.probability - a.probability).slice(0, 20)

  await writeReport(file, {
    title: 'Fashion-MNIST',
    lede:
      `A convolutional network with two convolution blocks learned to tell ten kinds of clothes apart ` +
      `from 60,000 pictures; it names ${accuracy} of the 10,000 test pictures rightly.`,
    figures: [
      [accuracy, 'test accuracy'],
      [duration(seconds), 'training and evaluation'],
      [`${Math.round(speed).toLocaleString('en')}/s`, 'pictures trained'],
      [parameters.toLocaleString('en'), 'parameters'],
      [device, 'device'],
    ],
    sections: [
      {
        title: 'Learning',
        text: 'Loss and accuracy while the network learned. The training scores of an epoch are means over its steps, while the weights moved; the test scores come from the weights at its end.',
        content: columns(captioned('Loss', lossChart(run)), captioned('Accuracy', accuracyChart(run))),
      },
      {
        title: 'What is taken for what',
        text: 'Each row holds the 1,000 test pictures of one class; dark means many. Shirts are the hard ones: they look like T-shirts, pullovers and coats.',
        content: columns(
          `<div class="wide">${confusionMatrix(confusion(predictions, classes.length), classes)}</div>`,
          captioned('Named rightly', shareBars(recalls(predictions, classes), 'of the class, %')),
        ),
      },
      {
        title: 'Test pictures',
        text: 'The first of the test set with what the network says; wrong answers are marked.',
        content: gallery(await pictures(testSet, predictions.slice(0, 40))),
      },
      {
        title: 'The surest mistakes',
        text: 'Where the network was most certain and wrong; some of these labels are hard for people too.',
        content: gallery(await pictures(testSet, sure)),
      },
      {
        title: 'First-layer filters',
        text: 'The weights of the first convolution: what each of its channels looks for. Red adds, blue takes away, white is zero; each filter is scaled by itself.',
        content: await filters(net),
      },
      {
        title: 'Set-up',
        content: columns(
          table([
            ['Device', `${device}: ${devices().find(({ name }) => name === device)?.description ?? ''}`],
            ['Processor', `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} threads`],
            ['Node', process.version],
            ['Training set', '60,000 pictures, 28 × 28, one channel'],
            ['Epochs', String(options.epochs)],
            ['Batch size', String(options.batchSize)],
            ['Steps', stepLosses.length.toLocaleString('en')],
            ['Optimizer', 'AdamW, weight decay 0.01'],
            ['Schedule', `one cycle, up to ${options.lr}`],
            ['Seed', String(options.seed)],
          ]),
          table([
            ['Parameters', parameters.toLocaleString('en')],
            ['Training', `${duration(trainingSeconds)}, ${Math.round(speed).toLocaleString('en')} pictures a second`],
            ['Training and evaluation', duration(seconds)],
            ['Test loss', (history.at(-1)?.validation?.loss ?? Number.NaN).toFixed(4)],
            ['Test accuracy', accuracy],
            ['Mistakes', `${wrong.length} of ${predictions.length.toLocaleString('en')}`],
          ]),
        ),
      },
    ],
  })
}

async function predictAll(net: nn.Sequential, dataset: data.FashionMNIST): Promise<Prediction[]> {
  const predictions: Prediction[] = []
  net.eval()
  for await (using batch of new data.DataLoader(dataset, { batchSize: 500 })) {
    const [best, chosen] = noGrad(() =>
      tidy(() => {
        const probabilities = functional.softmax(net.forward(batch.x), 1)
        return [probabilities.max(1), probabilities.argmax(1)] as const
      }),
    )
    const [probability, predicted, actual] = await Promise.all([best.data(), chosen.data(), batch.y.data()])
    best.dispose()
    chosen.dispose()
    for (const [i, index] of batch.indices.entries()) {
      predictions.push({ index, actual: actual[i]!, predicted: predicted[i]!, probability: probability[i]! })
    }
  }
  return predictions
}

/** Steps are noisy: each point is the mean of the steps around it. */
function lossChart({ trainer, stepLosses }: Run): string {
  const { history } = trainer
  const stepsPerEpoch = stepLosses.length / history.length
  const span = Math.max(1, Math.round(stepLosses.length / 150))
  const points: [number, number][] = []
  for (let from = 0; from + span <= stepLosses.length; from += span) {
    const mean = stepLosses.slice(from, from + span).reduce((sum, loss) => sum + loss, 0) / span
    points.push([(from + span / 2) / stepsPerEpoch, mean])
  }
  const test = history.map((record) => [record.epoch + 1, record.validation!.loss] as const)
  return lineChart(
    [
      { name: 'training steps', points },
      { name: 'test', points: test, dots: true },
    ],
    { x: 'epoch', y: 'cross entropy', xDomain: [0, history.length] },
  )
}

function accuracyChart({ trainer }: Run): string {
  const { history } = trainer
  return lineChart(
    [
      { name: 'training', points: history.map((record) => [record.epoch + 1, record.accuracy!]), dots: true },
      { name: 'test', points: history.map((record) => [record.epoch + 1, record.validation!.accuracy!]), dots: true },
    ],
    { x: 'epoch', y: 'right, %', xDomain: [0, history.length], percent: true },
  )
}

function confusion(predictions: readonly Prediction[], classes: number): number[][] {
  const counts = Array.from({ length: classes }, () => Array.from({ length: classes }, () => 0))
  for (const { actual, predicted } of predictions) counts[actual]![predicted]!++
  return counts
}

function recalls(predictions: readonly Prediction[], classes: readonly string[]): [string, number][] {
  const counts = confusion(predictions, classes.length)
  return classes.map((name, i) => [name, counts[i]![i]! / counts[i]!.reduce((sum, count) => sum + count, 0)])
}

async function pictures(dataset: data.FashionMNIST, predictions: readonly Prediction[]): Promise<Picture[]> {
  const { classes } = dataset
  const pixels = await dataset.inputs.data()
  return Promise.all(
    predictions.map(async ({ index, actual, predicted, probability }) => {
      const isWrong = actual !== predicted
      return {
        source: await greyPicture(Uint8Array.from(pixels.subarray(index * 784, (index + 1) * 784)), 28, 28),
        caption: classes[predicted]!,
        note: `${Math.round(100 * probability)} %${isWrong ? ` · is ${classes[actual]}` : ''}`,
        isWrong,
      }
    }),
  )
}

async function filters(net: nn.Sequential): Promise<string> {
  const weight: Tensor = net.parameters()[0]! // [O, 1, kH, kW]
  const [count, , height, width] = weight.shape as [number, number, number, number]
  const sheet = await signedTiles(await weight.data(), { count, width, height, columns: 16, scale: 12 })
  return picture(sheet, `${count} filters of ${height} × ${width}`)
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`
}

function duration(seconds: number): string {
  const whole = Math.round(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}
