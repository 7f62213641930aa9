// Whether Winograd's rounding costs accuracy: trains one network on Fashion-MNIST with and without it, from the same seed.
//   npm run bench:winograd -- --epochs 20
import { parseArgs } from 'node:util'
import { data, functional, manualSeed, nn, optim, train } from '../lib/index.js'

const { values } = parseArgs({
  options: {
    epochs: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' }, // 'on' or 'off'
  },
})
const [epochs, seed] = [Number(values.epochs), Number(values.seed)]

const [trainSet, testSet] = await Promise.all([
  data.FashionMNIST.load({ train: true }),
  data.FashionMNIST.load({ train: false }),
])

const block = (from: number, to: number) => [
  new nn.Conv2d(from, to, 3, { padding: 1, bias: false }),
  new nn.BatchNorm2d(to),
  new nn.ReLU(),
]

async function accuracyWith(winograd: boolean): Promise<number> {
  manualSeed(seed)
  const loader = new data.DataLoader(trainSet, { batchSize: 128, shuffle: true, dropLast: true })
  const net = new nn.Sequential(
    ...block(1, 32), // [N, 32, 28, 28]
    new nn.MaxPool2d(2),
    ...block(32, 64), // [N, 64, 14, 14]
    ...block(64, 64),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Dropout(0.3),
    new nn.Linear(64 * 7 * 7, 10),
  )
  const optimizer = new optim.AdamW(net.parameters(), { lr: 0.005, weightDecay: 0.01 })
  const trainer = new train.Trainer(net, {
    optimizer,
    scheduler: new optim.OneCycleLR(optimizer, 0.005, { totalSteps: epochs * loader.length }),
    schedulerInterval: 'step',
    loss: functional.crossEntropy,
    compile: { precision: winograd ? 'fast' : 'exact' },
  })
  const start = performance.now()
  const history = await trainer.fit(loader, {
    epochs,
    validation: new data.DataLoader(testSet, { batchSize: 500 }),
  })
  const { accuracy = Number.NaN } = history.at(-1)?.validation ?? {}
  const seconds = (performance.now() - start) / 1000
  console.log(
    `Winograd ${winograd ? 'on' : 'off'}: ${(100 * accuracy).toFixed(2)} % after ${epochs} epochs in ${seconds.toFixed(0)} s`,
  )
  return accuracy
}

if (values.only) {
  await accuracyWith(values.only === 'on')
} else {
  const difference = 100 * ((await accuracyWith(true)) - (await accuracyWith(false)))
  console.log(`difference ${difference.toFixed(2)} points`)
}
