// The Trainer on the CIFAR-10 network: fed from host memory, batch after batch, and from data that lie on the device. Arguments: device, examples,
// batch, epochs. Prints a line of JSON for each.
import { data, functional, manualSeed, models, optim, randint, randn, Trainer } from '../../dist/lib/index.js'

const [device, ...numbers] = process.argv.slice(2)
const [length, batchSize, epochs] = numbers.map(Number)
const elements = 3 * 32 * 32

/** A picture is a part of one array: what feeding costs is then the collecting, the copies and the waiting. */
class Pictures {
  length = length
  #pixels = new Float32Array(length * elements)

  constructor() {
    for (let i = 0; i < this.#pixels.length; i++) this.#pixels[i] = ((i * 31) % 4093) / 4093
  }

  get(i) {
    const part = this.#pixels.subarray(i * elements, (i + 1) * elements)
    return { x: { dtype: 'float32', shape: [3, 32, 32], data: part }, y: i % 10 }
  }
}

const sources = {
  'from the host': () => new Pictures(),
  'on the device': () =>
    new data.TensorDataset(randn([length, 3, 32, 32], { device }), randint(0, 10, [length], { device })),
}
for (const [source, make] of Object.entries(sources)) {
  manualSeed(0)
  const net = models.cifar10Net().to(device)
  const optimizer = new optim.SGD(net.parameters(), { lr: 1e-3 })
  const trainer = new Trainer(net, { optimizer, loss: functional.crossEntropy, device })
  const loader = new data.DataLoader(make(), { batchSize, shuffle: true, seed: 1, dropLast: true, device })
  const records = await trainer.fit(loader, { epochs })
  // the first epoch compiles
  const rates = records.slice(1).map(({ examplesPerSecond }) => examplesPerSecond)
  console.log(
    JSON.stringify({ source, length, batchSize, examplesPerSecond: Math.max(...rates), loss: records.at(-1).loss }),
  )
}
