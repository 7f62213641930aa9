// Cats and dogs: photographs from folders, a convolutional network with its weights drawn explicitly, one prediction for
// one picture, and the same task for a fully connected network on flattened pixels.
//
//   node dist/examples/12-cats-and-dogs.js --data <folder that holds cats-vs-dogs/> [--picture mine.jpg]
import path from 'node:path'
import sharp from 'sharp'
import {
  data,
  functional,
  manualSeed,
  models,
  nn,
  noGrad,
  optim,
  Trainer,
  tensor,
  tidy,
  type train,
} from '../lib/index.js'
import { readRegularFile } from '../lib/io/regular-file.js'
import { lineChart } from './support/charts.js'
import { experiment, type Lab } from './support/experiment.js'
import { md5Of, peerRecord } from './support/peer.js'
import { colourPicture } from './support/pictures.js'
import { gallery } from './support/report.js'
import { temporaryFolder, writeSamplePictures } from './support/sample-data.js'

const { DataLoader, ImageFolder, readImage, transforms } = data

const size = 64
/** Of ImageNet's photographs, by channel. */
const mean = [0.485, 0.456, 0.406]
const std = [0.229, 0.224, 0.225]

/** Every pixel has a weight for every unit: what is learned at one place is not known at the next. */
function fullyConnected(): nn.Sequential {
  return new nn.Sequential(
    new nn.Flatten(), // [N, 3, 64, 64] → [N, 12288]
    new nn.Linear(3 * size * size, 256),
    new nn.ReLU(),
    new nn.Dropout(0.5),
    new nn.Linear(256, 64),
    new nn.ReLU(),
    new nn.Linear(64, 2),
  )
}

/**
 * Draws the weights of one layer: He et al. (2015) before a ReLU, Glorot and Bengio (2010) for fully connected layers;
 * batch normalisation begins as the identity.
 */
function initialise(layer: nn.AnyModule): void {
  if (layer instanceof nn.Conv2d) nn.init.kaimingNormal_(layer.weight, { mode: 'fanOut', nonlinearity: 'relu' })
  if (layer instanceof nn.Linear) nn.init.xavierNormal_(layer.weight)
  if (layer instanceof nn.BatchNorm2d && layer.weight) nn.init.ones_(layer.weight)
  if ((layer instanceof nn.BatchNorm2d || layer instanceof nn.Linear) && layer.bias) nn.init.zeros_(layer.bias)
}

interface Trained {
  readonly trainer: Trainer
  readonly history: readonly train.EpochRecord[]
  readonly accuracy: number
  readonly seconds: number
}

await experiment(
  import.meta.url,
  {
    title: 'Cats and dogs',
    question: 'How are photographs in folders learned, and what do convolutions have to do with it?',
    fullMinutes: 3,
    options: [['--picture <file>', 'a picture of your own to be judged']],
  },
  async (lab) => {
    // Without a folder of photographs, drawn ones stand in: the same steps, an easier task.
    const isDrawn = lab.isShort || lab.dataFolder === undefined
    if (isDrawn) lab.print('The pictures are drawn; --data <folder> takes photographs from its cats-vs-dogs/.')
    const folder = isDrawn ? await writeSamplePictures(temporaryFolder()) : path.join(lab.dataFolder, 'cats-vs-dogs')
    const open = (part: string) => ImageFolder.create({ root: path.join(folder, part), size, mean, std })
    const [trainFolder, testFolder] = [await open('train'), await open('test')]
    const { classes } = trainFolder
    lab.print(
      `${trainFolder.length} pictures to learn from, ${testFolder.length} to be tested with: ${classes.join(', ')}`,
    )
    await fromFileToBatch(lab, trainFolder)

    using trainSet = await trainFolder.load()
    using testSet = await testFolder.load()
    const augment = transforms.compose(
      transforms.randomCrop(size, { padding: 6, paddingMode: 'replicate' }),
      transforms.randomHorizontalFlip(),
    )
    const loaders = {
      train: new DataLoader(trainSet, { batchSize: 32, shuffle: true, dropLast: true, transform: augment }),
      test: new DataLoader(testSet, { batchSize: 100 }),
    }
    manualSeed(1)
    const cnn = await learn(lab, 'convolutional', models.catsAndDogsNet({ size }).apply(initialise), loaders)
    const mlp = await learn(lab, 'fully connected', fullyConnected().apply(initialise), loaders)
    compare(lab, cnn, mlp)
    if (!isDrawn) await besidePyTorch(lab, cnn.accuracy, testFolder)
    await judgeTestPictures(lab, cnn.trainer, testFolder)
    await judgeOnePicture(lab, cnn.trainer, lab.option('picture') ?? testFolder.files[0]!, classes)
  },
)

/** What becomes of one file on its way to the network. */
async function fromFileToBatch(lab: Lab, folder: data.ImageFolder): Promise<void> {
  const file = folder.files[0]!
  const { data: pixels, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true })
  const image = await readImage(file)
  // A decoder gives rows of pixels of three bytes, [H, W, C]; a convolution wants planes, [C, H, W].
  using planes = tidy(() =>
    tensor(Uint8Array.from(pixels), { shape: [info.height, info.width, info.channels] }).permute([2, 0, 1]),
  )
  lab.close('H W C turned into C H W by permute is what the reader gives', await planes.data(), image.data, 0)
  for await (using batch of new DataLoader(folder, { batchSize: 32 })) {
    lab.table(
      ['step', 'type', 'shape'],
      [
        ['decoded, rows of pixels', 'uint8', `[${info.height}, ${info.width}, ${info.channels}]`],
        ['as planes', image.dtype, `[${image.shape.join(', ')}]`],
        ['covering 64×64, cut, normalised, in a batch', batch.x.dtype, `[${batch.x.shape.join(', ')}]`],
        ['classes', batch.y.dtype, `[${batch.y.shape.join(', ')}]`],
      ],
    )
    break
  }
  lab.print()
}

async function learn(
  lab: Lab,
  name: string,
  net: nn.Sequential,
  loaders: { train: data.DataLoader; test: data.DataLoader },
): Promise<Trained> {
  const epochs = lab.isShort ? 14 : 50
  const optimizer = new optim.AdamW(net.parameters(), { weightDecay: 0.01 })
  const scheduler = new optim.OneCycleLR(optimizer, name === 'convolutional' ? 0.003 : 0.0005, {
    totalSteps: epochs * loaders.train.length,
  })
  const loss = functional.crossEntropy
  const trainer = new Trainer(net, { optimizer, scheduler, schedulerInterval: 'step', loss })
  const start = performance.now()
  lab.print(`The ${name} network`)
  const history = await trainer.fit(loaders.train, {
    epochs,
    validation: loaders.test,
    onEpoch: ({ epoch, loss, accuracy, validation }) => {
      if ((epoch + 1) % (lab.isShort ? 2 : 5) !== 0) return
      const scores = `training ${percent(accuracy)}  test ${percent(validation?.accuracy)}`
      lab.print(`epoch ${String(epoch + 1).padStart(2)}  loss ${loss.toFixed(3)}  ${scores}`)
    },
  })
  const seconds = (performance.now() - start) / 1000
  return { trainer, history, accuracy: history.at(-1)?.validation?.accuracy ?? 0, seconds }
}

/** Why convolution: fewer weights, used at every place. */
function compare(lab: Lab, cnn: Trained, mlp: Trained): void {
  const rows = Object.entries({ convolutional: cnn, 'fully connected': mlp }).map(([name, trained]) => {
    const { params, multiplyAdds } = nn.summary(trained.trainer.net, [1, 3, size, size])
    const last = trained.history.at(-1)
    return [
      name,
      params.toLocaleString('en'),
      multiplyAdds.toLocaleString('en'),
      percent(last?.accuracy),
      percent(trained.accuracy),
      `${trained.seconds.toFixed(1)} s`,
    ]
  })
  lab.print()
  lab.table(['network', 'parameters', 'multiply-adds', 'training accuracy', 'test accuracy', 'time'], rows)
  lab.figure(percent(cnn.accuracy), 'of the test pictures told apart by the convolutional network')
  lab.figure(percent(mlp.accuracy), 'by the fully connected one')
  const least = 0.75
  lab.check(
    `the convolutional network tells at least ${percent(least)} apart`,
    cnn.accuracy >= least,
    percent(cnn.accuracy),
  )
  lab.check(
    'the fully connected network, with more weights, does not reach it',
    mlp.accuracy < cnn.accuracy,
    `${percent(mlp.accuracy)} against ${percent(cnn.accuracy)}`,
  )
  const curve = (name: string, { history }: Trained) => ({
    name,
    points: history.map(({ epoch, validation }) => [epoch + 1, validation?.accuracy ?? Number.NaN] as const),
  })
  lab.section(
    'Test accuracy',
    lineChart([curve('convolutional', cnn), curve('fully connected', mlp)], {
      x: 'epoch',
      y: 'accuracy',
      xDomain: [1, cnn.history.length],
      percent: true,
    }),
    'A convolution looks for the same small pattern everywhere, so an ear that was learned at the left is known at the ' +
      'right. A fully connected layer has a weight of its own for every pixel and must learn each place by itself, for ' +
      'which there are too few pictures.',
  )
}

async function besidePyTorch(lab: Lab, accuracy: number, testFolder: data.ImageFolder): Promise<void> {
  const peer = await peerRecord('12-cats-and-dogs')
  lab.print(`The convolutional network in ${peer.description}: ${percent(peer.accuracy)}`)
  if ((await md5Of(testFolder.files)) !== peer.testMd5) {
    lab.print('That was with other pictures than yours, so the two figures are not compared.')
    return
  }
  lab.figure(percent(peer.accuracy), 'PyTorch, the same network, pictures and settings')
  lab.print(`The difference is ${(100 * (accuracy - peer.accuracy)).toFixed(1)} points; one picture is half a point.`)
}

async function judgeTestPictures(lab: Lab, trainer: Trainer, testFolder: data.ImageFolder): Promise<void> {
  const { classes, labels, length } = testFolder
  const shown = Array.from({ length: 24 }, (_, i) => Math.floor((i * length) / 24))
  const pictures = shown.map(async (index) => {
    const { source, probabilities } = await judge(trainer, testFolder.files[index]!)
    const guess = probabilities.indexOf(Math.max(...probabilities))
    const [caption, isWrong] = [classes[guess]!, guess !== labels[index]]
    return { source, caption, note: percent(probabilities[guess]), isWrong }
  })
  lab.section('Test pictures as the network sees them', gallery(await Promise.all(pictures)))
}

/** From a file to a sentence. */
async function judgeOnePicture(lab: Lab, trainer: Trainer, file: string, classes: readonly string[]): Promise<void> {
  const { source, probabilities } = await judge(trainer, file)
  const says = classes.map((name, i) => `${name} ${percent(probabilities[i])}`).join(', ')
  lab.print(`${path.basename(file)}: ${says}`)
  const sum = probabilities.reduce((total, value) => total + value, 0)
  lab.check('the probabilities of one picture add up to one', Math.abs(sum - 1) < 1e-5, sum.toFixed(6))
  const original = `data:image/jpeg;base64,${Buffer.from(await readRegularFile(file, 2 ** 28)).toString('base64')}`
  const pictures = [
    { source: original, caption: path.basename(file), note: 'the file' },
    { source, caption: says, note: 'what the network sees' },
  ]
  lab.section('One picture', gallery(pictures))
}

async function judge(trainer: Trainer, file: string): Promise<{ source: string; probabilities: number[] }> {
  const image = await readImage(file, { size })
  using x = tidy(() => {
    const bytes = tensor(Uint8Array.from(image.data), { shape: [1, ...image.shape] })
    return transforms.compose(transforms.toFloat(), transforms.normalize(mean, std))(bytes)
  })
  using logits = await trainer.predict(x)
  using probabilities = noGrad(() => logits.softmax(1))
  return {
    source: await colourPicture(image.data, size, size, 2),
    probabilities: Array.from(await probabilities.data()),
  }
}

function percent(share = Number.NaN): string {
  return `${(100 * share).toFixed(1)} %`
}
