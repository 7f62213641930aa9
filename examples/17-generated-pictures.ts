// Pictures out of a few numbers, by transposed convolutions: an autoencoder that squeezes clothes through sixteen numbers,
// and a generator that learns to draw clothes from random ones because a second network tries to tell them from real ones.
import { data, functional, manualSeed, nn, noGrad, optim, randn, type Tensor, tidy } from '../lib/index.js'
import { lineChart } from './support/charts.js'
import { experiment, type Lab } from './support/experiment.js'
import { judgePictures, nearestPictures, pictureSheet } from './support/generated-pictures.js'

const { DataLoader, FashionMNIST, subset } = data

const codeSize = 16
const noiseSize = 64
const area = 28 * 28

/** [N, 1, 28, 28] → [N, 16]: convolutions with stride 2 halve the picture. */
function encoder(): nn.Sequential {
  return new nn.Sequential(
    new nn.Conv2d(1, 16, 4, { stride: 2, padding: 1 }), // [N, 16, 14, 14]
    new nn.ReLU(),
    new nn.Conv2d(16, 32, 4, { stride: 2, padding: 1 }), // [N, 32, 7, 7]
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(32 * 49, codeSize),
  )
}

/** [N, 16] → [N, 1, 28, 28]: transposed convolutions with stride 2 double it, the same way back. */
function decoder(): nn.Sequential {
  return new nn.Sequential(
    new nn.Linear(codeSize, 32 * 49),
    new nn.ReLU(),
    new nn.Unflatten(1, [32, 7, 7]),
    new nn.ConvTranspose2d(32, 16, 4, { stride: 2, padding: 1 }), // [N, 16, 14, 14]
    new nn.ReLU(),
    new nn.ConvTranspose2d(16, 1, 4, { stride: 2, padding: 1 }), // [N, 1, 28, 28]
    new nn.Sigmoid(), // brightness, 0 … 1
  )
}

/** DCGAN's generator (Radford, Metz, Chintala 2015) for pictures of 28×28: [N, 64] → [N, 1, 28, 28]. */
function generator(): nn.Sequential {
  return new nn.Sequential(
    new nn.Linear(noiseSize, 64 * 49, { bias: false }),
    new nn.Unflatten(1, [64, 7, 7]),
    new nn.BatchNorm2d(64),
    new nn.ReLU(),
    new nn.ConvTranspose2d(64, 32, 4, { stride: 2, padding: 1, bias: false }), // [N, 32, 14, 14]
    new nn.BatchNorm2d(32),
    new nn.ReLU(),
    new nn.ConvTranspose2d(32, 1, 4, { stride: 2, padding: 1 }), // [N, 1, 28, 28]
    new nn.Tanh(), // −1 … 1
  )
}

/** Its opponent: [N, 1, 28, 28] → [N, 1], above zero for what it takes for real. */
function discriminator(): nn.Sequential {
  return new nn.Sequential(
    new nn.Conv2d(1, 32, 4, { stride: 2, padding: 1 }), // [N, 32, 14, 14]
    new nn.LeakyReLU(0.2),
    new nn.Conv2d(32, 64, 4, { stride: 2, padding: 1, bias: false }), // [N, 64, 7, 7]
    new nn.BatchNorm2d(64),
    new nn.LeakyReLU(0.2),
    new nn.Flatten(),
    new nn.Linear(64 * 49, 1),
  )
}

interface Clothes {
  readonly trainSet: data.FashionMNIST
  readonly testSet: data.FashionMNIST
}

await experiment(
  import.meta.url,
  {
    title: 'Generated pictures',
    question: 'How do transposed convolutions draw pictures out of a few numbers, and how good are they?',
    fullMinutes: 6,
  },
  async (lab) => {
    manualSeed(1)
    // Brightness from 0 to 1.
    using trainSet = await FashionMNIST.load({ train: true, mean: 0, std: 1 })
    using testSet = await FashionMNIST.load({ train: false, mean: 0, std: 1 })
    await autoencoder(lab, { trainSet, testSet })
    await adversaries(lab, { trainSet, testSet })
  },
)

// ---- autoencoder ----------------------------------------------------------------------------------------------------

async function autoencoder(lab: Lab, { trainSet, testSet }: Clothes): Promise<void> {
  const [count, epochs, batchSize] = lab.isShort ? [8_000, 1, 32] : [60_000, 5, 64]
  const loader = new DataLoader(subset(trainSet, Array(count).keys()), { batchSize, shuffle: true, dropLast: true })
  const [encode, decode] = [encoder(), decoder()]
  const net = new nn.Sequential(encode, decode)
  const summary = nn.summary(net, [1, 1, 28, 28])
  lab.print('An autoencoder: its target is its input, but only sixteen numbers pass through the middle.')
  lab.table(
    ['layer', 'output', 'parameters'],
    summary.rows.map(({ type, outputShape, params }) => [
      type,
      `[${outputShape.join(', ')}]`,
      params.toLocaleString('en'),
    ]),
  )
  const optimizer = new optim.Adam(net.parameters(), { lr: 0.002 })
  const scheduler = new optim.OneCycleLR(optimizer, 0.004, { totalSteps: epochs * loader.length })
  for (let epoch = 1; epoch <= epochs; epoch++) {
    let sum = 0
    for await (using batch of loader) {
      using loss = tidy(() => {
        optimizer.zeroGrad()
        const loss = functional.mseLoss(net.forward(batch.x), batch.x)
        loss.backward()
        optimizer.step()
        scheduler.step()
        return loss
      })
      sum += await loss.item()
    }
    lab.print(`epoch ${epoch}  mean squared error ${(sum / loader.length).toFixed(4)}`)
  }
  net.eval()
  lab.print()
  await reconstructions(lab, net, trainSet, testSet)
  await interpolations(lab, encode, decode, testSet)
}

/** How far reconstructed test pictures are from the originals, beside answers that know less of the picture. */
async function reconstructions(
  lab: Lab,
  net: nn.Sequential,
  trainSet: data.FashionMNIST,
  testSet: data.FashionMNIST,
): Promise<void> {
  const [all, means] = await meanPictures(trainSet)
  const errors = { mean: 0, classMean: 0, autoencoder: 0 }
  const shown = 16
  let drawn: Float32Array | undefined
  const tested = lab.isShort ? 2_000 : testSet.length
  for await (using batch of new DataLoader(subset(testSet, Array(tested).keys()), { batchSize: 500 })) {
    const y = noGrad(() => net.forward(batch.x))
    const [pixels, labels, rebuilt] = [await batch.x.data(), await batch.y.data(), await y.data()]
    y.dispose()
    for (let i = 0; i < pixels.length; i++) {
      const [picture, place] = [Math.floor(i / area), i % area]
      errors.mean += (pixels[i]! - all[place]!) ** 2
      errors.classMean += (pixels[i]! - means[labels[picture]!]![place]!) ** 2
      errors.autoencoder += (pixels[i]! - rebuilt[i]!) ** 2
    }
    drawn ??= Float32Array.from([...pixels.subarray(0, shown * area), ...rebuilt.subarray(0, shown * area)])
  }
  const perPixel = (sum: number) => sum / (tested * area)
  const share = errors.autoencoder / errors.mean
  lab.print(`Mean squared error of a pixel (0 … 1), of ${tested.toLocaleString('en')} test pictures:`)
  lab.table(
    ['answer', 'error', 'of that of the mean picture'],
    [
      ['the mean of all training pictures', perPixel(errors.mean).toFixed(4), percent(1)],
      [
        'the mean picture of the right class',
        perPixel(errors.classMean).toFixed(4),
        percent(errors.classMean / errors.mean),
      ],
      ['the autoencoder', perPixel(errors.autoencoder).toFixed(4), percent(share)],
    ],
  )
  const most = lab.isShort ? 0.4 : 0.2
  lab.check(`at most ${percent(most)} of the error of the mean picture is left`, share <= most, percent(share))
  lab.check(
    'sixteen numbers say more than the class does',
    errors.autoencoder < 0.6 * errors.classMean,
    `${perPixel(errors.autoencoder).toFixed(4)} against ${perPixel(errors.classMean).toFixed(4)}`,
  )
  lab.figure(percent(share), "of the mean picture's error is left by the autoencoder")
  lab.print()
  lab.section(
    'Through sixteen numbers and back',
    await pictureSheet(drawn!, shown, 'test pictures and their reconstructions'),
    'Above: test pictures, which it was not trained with. Below: what the decoder makes of their sixteen numbers. Shape and ' +
      'brightness are kept, fine patterns are not: what little they add to the error is cheaper to lose.',
  )
}

/** The mean training picture, and that of each class. */
async function meanPictures(trainSet: data.FashionMNIST): Promise<[all: Float64Array, ofClass: Float64Array[]]> {
  const [pixels, labels] = [await trainSet.inputs.data(), await trainSet.targets.data()]
  const all = new Float64Array(area)
  const ofClass = trainSet.classes.map(() => new Float64Array(area))
  const counts = trainSet.classes.map(() => 0)
  for (const [picture, label] of labels.entries()) {
    counts[label]!++
    for (let i = 0; i < area; i++) ofClass[label]![i]! += pixels[picture * area + i]! / 255
  }
  for (const [label, sums] of ofClass.entries()) {
    for (let i = 0; i < area; i++) {
      all[i]! += sums[i]! / labels.length
      sums[i]! /= counts[label]!
    }
  }
  return [all, ofClass]
}

/** From one picture to another in equal steps, of their numbers and of their pixels. */
async function interpolations(
  lab: Lab,
  encode: nn.Sequential,
  decode: nn.Sequential,
  testSet: data.FashionMNIST,
): Promise<void> {
  const labels = await testSet.targets.data()
  const first = (label: number) => labels.indexOf(label)
  const pairs = [
    [first(9), first(7)], // ankle boot, sneaker
    [first(1), first(3)], // trousers, dress
    [first(0), first(8)], // T-shirt, bag
  ] as const
  const steps = 11
  const rows: Float32Array[] = []
  for (const pair of pairs) {
    const { x, y } = testSet.batch(Int32Array.from(pair))
    const [byCode, byPixel, ends] = tidy(() =>
      noGrad(() => {
        const mixed = (pairOf: Tensor) => {
          const [a, b] = pairOf.split(1) as [Tensor, Tensor]
          return functional.cat(
            Array.from({ length: steps }, (_, i) => a.mul(1 - i / (steps - 1)).add(b.mul(i / (steps - 1)))),
          )
        }
        const codes = encode.forward(x) // [2, 16]
        return [decode.forward(mixed(codes)), mixed(x), decode.forward(codes)] as const
      }),
    )
    const [between, rebuilt] = [await byCode.data(), await ends.data()]
    if (rows.length === 0) {
      const outer = Float32Array.from([...between.subarray(0, area), ...between.subarray((steps - 1) * area)])
      lab.close('the ends are the reconstructions of the two pictures', outer, rebuilt, 1e-5)
    }
    rows.push(Float32Array.from(between), Float32Array.from(await byPixel.data()))
    for (const tensor of [x, y, byCode, byPixel, ends]) tensor.dispose()
  }
  const values = Float32Array.from(rows.flatMap((row) => Array.from(row)))
  lab.section(
    'Between two pictures',
    await pictureSheet(values, steps, 'interpolations'),
    'For each pair above: equal steps between the sixteen numbers, decoded; below: equal steps between the pixels. Mixed ' +
      'pixels show both things at once; mixed numbers show one thing that changes.',
  )
}

// ---- generator against discriminator --------------------------------------------------------------------------------

async function adversaries(lab: Lab, { trainSet, testSet }: Clothes): Promise<void> {
  const [count, epochs, batchSize] = lab.isShort ? [2_400, 2, 32] : [60_000, 8, 64]
  const loader = new DataLoader(subset(trainSet, Array(count).keys()), {
    batchSize,
    shuffle: true,
    dropLast: true,
    transform: (x) => x.mul(2).sub(1), // −1 … 1, as the generator's tanh
  })
  const [generate, discriminate] = [generator().apply(initialise), discriminator().apply(initialise)]
  const options = { lr: 4e-4, betas: [0.5, 0.999] } as const
  const generatorStep = new optim.Adam(generate.parameters(), options)
  const discriminatorStep = new optim.Adam(discriminate.parameters(), options)
  lab.print('A generator draws from 64 random numbers; a discriminator learns to tell its pictures from real ones.')

  using noise = randn([12, noiseSize])
  const stages = [await draw(generate, noise)]
  const losses: [ofGenerator: number, ofDiscriminator: number][] = []
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const start = performance.now()
    let [ofGenerator, ofDiscriminator] = [0, 0]
    for await (using batch of loader) {
      const [lossD, lossG] = tidy(() => {
        const fake = generate.forward(randn([batchSize, noiseSize]))
        // The discriminator's turn. What was drawn is taken as it is: no gradient goes back to the generator.
        const lossD = step(discriminatorStep, () => {
          const [real, drawn] = [discriminate.forward(batch.x), discriminate.forward(fake.detach())]
          return crossEntropy(real, true).add(crossEntropy(drawn, false)).div(2)
        })
        // The generator's turn: what it drew shall be taken for real.
        return [lossD, step(generatorStep, () => crossEntropy(discriminate.forward(fake), true))] as const
      })
      ofDiscriminator += (await lossD.item()) / loader.length
      ofGenerator += (await lossG.item()) / loader.length
      for (const loss of [lossD, lossG]) loss.dispose()
    }
    losses.push([ofGenerator, ofDiscriminator])
    stages.push(await draw(generate, noise))
    const seconds = (performance.now() - start) / 1000
    const text = `discriminator ${ofDiscriminator.toFixed(3)}  generator ${ofGenerator.toFixed(3)}`
    lab.print(`epoch ${epoch}  losses: ${text}  ${seconds.toFixed(1)} s`)
  }
  lab.print()
  lab.section(
    'Learning to draw',
    (await pictureSheet(
      stages.flatMap((stage) => [...stage]),
      12,
      'pictures of the same random numbers',
    )) +
      lineChart(
        ['generator', 'discriminator'].map((name, i) => ({
          name,
          points: losses.map((pair, epoch) => [epoch + 1, pair[i]!] as const),
          dots: true,
        })),
        { x: 'epoch', y: 'cross-entropy', xDomain: [1, epochs] },
      ),
    'Each column is drawn from the same 64 random numbers: before training, and after each epoch. Neither loss needs to fall: ' +
      'each of the two gets better at what makes it harder for the other.',
  )

  using many = tidy(() => randn([1_000, noiseSize]))
  const drawn = await draw(generate, many)
  lab.section(
    'Drawn from random numbers',
    await pictureSheet(drawn.subarray(0, 60 * area), 15, 'sixty generated pictures'),
    'The first sixty, none left out.',
  )
  await judgePictures(lab, drawn, trainSet, testSet)
  await nearestPictures(lab, drawn, trainSet, testSet)
}

/** One update: the gradients of a loss, and a step along them. */
function step(optimizer: optim.Adam, lossOf: () => Tensor): Tensor {
  optimizer.zeroGrad()
  const loss = lossOf()
  loss.backward()
  optimizer.step()
  return loss
}

/** −log of the probability of being real, or of not being real; softplus(−x) = −log sigmoid(x). */
function crossEntropy(logits: Tensor, isReal: boolean): Tensor {
  return functional.softplus(isReal ? logits.neg() : logits).mean()
}

/** Brightness 0 … 1. Normalisation uses the running statistics here, so that a picture depends on its own numbers only. */
async function draw(generate: nn.Sequential, noise: Tensor): Promise<Float32Array> {
  generate.eval()
  using pictures = tidy(() => noGrad(() => generate.forward(noise).add(1).div(2)))
  generate.train()
  return Float32Array.from(await pictures.data())
}

/** DCGAN's weights: normal of deviation 0.02; normalisation begins around 1. */
function initialise(layer: nn.AnyModule): void {
  if (layer instanceof nn.Conv2d || layer instanceof nn.ConvTranspose2d || layer instanceof nn.Linear)
    nn.init.normal_(layer.weight, 0, 0.02)
  if (layer instanceof nn.BatchNorm2d && layer.weight) nn.init.normal_(layer.weight, 1, 0.02)
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
