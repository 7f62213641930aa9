// How good generated pictures of clothes are: by a classifier of real ones, and beside the nearest training pictures.
import { data, functional, nn, optim, type Tensor, Trainer, tensor, tidy } from '../../lib/index.js'
import type { Lab } from './lab.js'
import { greyTiles } from './pictures.js'
import { picture } from './report.js'

const { DataLoader, subset } = data

const area = 28 * 28

/**
 * What a classifier of real pictures says of them: pictures are good if it is sure of each and names all classes in turn
 * (Salimans et al. 2016): exp of the mean of KL(p(class | picture) ‖ p(class)), from 1 to the number of classes.
 */
export async function judgePictures(
  lab: Lab,
  drawn: Float32Array,
  trainSet: data.FashionMNIST,
  testSet: data.FashionMNIST,
): Promise<void> {
  const classifier = new nn.Sequential(
    new nn.Conv2d(1, 16, 4, { stride: 2, padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(16, 32, 4, { stride: 2, padding: 1 }),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(32 * 49, 10),
  )
  const [count, epochs] = lab.isShort ? [10_000, 1] : [60_000, 3]
  const optimizer = new optim.Adam(classifier.parameters(), { lr: 0.002 })
  const trainer = new Trainer(classifier, { optimizer, loss: functional.crossEntropy })
  await trainer.fit(new DataLoader(subset(trainSet, Array(count).keys()), { batchSize: 64, shuffle: true }), { epochs })
  const { accuracy = 0 } = await trainer.evaluate(new DataLoader(testSet, { batchSize: 500 }))
  lab.print(
    `A classifier that names ${percent(accuracy)} of the real test pictures rightly says of a thousand pictures each:`,
  )

  const { x, y } = testSet.batch(Int32Array.from({ length: 1_000 }, (_, i) => i))
  const real = Float32Array.from(await x.data())
  for (const tensor of [x, y]) tensor.dispose()
  // The same brightnesses in any order: what has no shape must not please the classifier.
  const random = lab.random(7)
  const shuffled = Float32Array.from(real)
  for (let picture = 0; picture < real.length; picture += area) {
    for (let i = area - 1; i > 0; i--) {
      const [a, b] = [picture + i, picture + Math.floor(random() * (i + 1))]
      ;[shuffled[a], shuffled[b]] = [shuffled[b]!, shuffled[a]!]
    }
  }
  const verdicts = {
    'real test pictures': await verdictOf(trainer, real),
    'generated pictures': await verdictOf(trainer, drawn),
    'real ones, pixels shuffled': await verdictOf(trainer, shuffled),
  }
  lab.table(
    ['pictures', 'score', 'sure of its answer', 'classes with at least 2 %'],
    Object.entries(verdicts).map(([name, { score, sureness, shares }]) => [
      name,
      score.toFixed(2),
      percent(sureness),
      String(shares.filter((share) => share >= 0.02).length),
    ]),
  )
  const { 'real test pictures': best, 'generated pictures': ours, 'real ones, pixels shuffled': worst } = verdicts
  const [share, least] = [(ours.score - worst.score) / (best.score - worst.score), lab.isShort ? 0.15 : 0.5]
  lab.check(
    `generated pictures go at least ${percent(least)} of the way from shuffled to real ones`,
    share >= least,
    `${worst.score.toFixed(2)} … ${ours.score.toFixed(2)} … ${best.score.toFixed(2)}`,
  )
  const kinds = ours.shares.filter((each) => each >= 0.02).length
  const fewest = lab.isShort ? 4 : 7
  lab.check(`at least ${fewest} of the ten kinds of clothes are drawn`, kinds >= fewest, String(kinds))
  lab.figure(
    `${ours.score.toFixed(1)} of ${best.score.toFixed(1)}`,
    'score of generated pictures, of that of real ones',
  )
  lab.print()
}

interface Verdict {
  readonly score: number
  /** Mean probability of the answer. */
  readonly sureness: number
  /** How often each class is the answer. */
  readonly shares: readonly number[]
}

async function verdictOf(trainer: Trainer, pictures: Float32Array): Promise<Verdict> {
  const count = pictures.length / area
  using x = tensor(pictures, { shape: [count, 1, 28, 28] })
  using logits = await trainer.predict(x)
  const [divergence, sureness, answers] = tidy(() => {
    const [p, log] = [logits.softmax(1), logits.logSoftmax(1)]
    const divergence = p
      .mul(log.sub(p.mean(0).log()))
      .sum(1)
      .mean()
    return [divergence, p.max(1).mean(), p.argmax(1)] as const
  })
  const shares = Array<number>(10).fill(0)
  for (const answer of await answers.data()) shares[answer]! += 1 / count
  const verdict = { score: Math.exp(await divergence.item()), sureness: await sureness.item(), shares }
  for (const tensor of [divergence, sureness, answers]) tensor.dispose()
  return verdict
}

/** Whether it learned to draw, or learned pictures by heart: how far the nearest training pictures are. */
export async function nearestPictures(
  lab: Lab,
  drawn: Float32Array,
  trainSet: data.FashionMNIST,
  testSet: data.FashionMNIST,
): Promise<void> {
  const shown = 15
  const count = lab.isShort ? 10_000 : 60_000
  const find = async (x: Tensor) => {
    const [distances, indices] = tidy(() => {
      const known = trainSet.inputs.narrow(0, 0, count).to('float32').div(255).flatten(1) // [count, 784]
      const some = x.flatten(1) // [100, 784]
      // |a − b|² = |a|² − 2 a·b + |b|²
      const products = some.matmul(known.transpose(0, 1)).mul(-2)
      const squares = products.add(known.square().sum(1)).add(some.square().sum(1, { keepdim: true })) // [100, count]
      return [squares.min(1).div(area), squares.argmin(1)] as const
    })
    const found = { distances: Array.from(await distances.data()), indices: Array.from(await indices.data()) }
    for (const tensor of [distances, indices]) tensor.dispose()
    return found
  }
  using generated = tensor(drawn.slice(0, 100 * area), { shape: [100, 1, 28, 28] })
  const { x, y } = testSet.batch(Int32Array.from({ length: 100 }, (_, i) => i))
  const [ofGenerated, ofReal] = [await find(generated), await find(x)]
  for (const tensor of [x, y]) tensor.dispose()
  const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
  const [ours, theirs] = [median(ofGenerated.distances), median(ofReal.distances)]
  lab.check(
    'generated pictures are no copies: test pictures are as near to the nearest training picture',
    ours > 0.5 * theirs,
    `squared error ${ours.toFixed(4)}, of test pictures ${theirs.toFixed(4)}`,
  )
  using neighbours = tidy(() => trainSet.batch(Int32Array.from(ofGenerated.indices.slice(0, shown))).x)
  const values = [...drawn.subarray(0, shown * area), ...(await neighbours.data())]
  lab.section(
    'Generated pictures and the nearest training pictures',
    await pictureSheet(values, shown, 'generated pictures above their nearest training pictures'),
  )
}

/** Brightnesses 0 … 1 of pictures of 28×28. */
export async function pictureSheet(values: ArrayLike<number>, columns: number, alt: string): Promise<string> {
  const count = values.length / area
  const tiles = { count, width: 28, height: 28, columns, scale: 2, range: [0, 1] } as const
  return picture(await greyTiles(values, tiles), alt)
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
