// A hundred training steps follow PyTorch's losses: convolution, batch normalisation, activation and pooling, twice, then a
// linear layer; SGD with momentum. Weights and images are those of test/golden/training.py.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { functional, nn, noGrad, optim, type Tensor, tensor, tidy } from '../lib/index.js'
import type { DeviceName } from '../types/dtype.js'
import { tolerances } from './support/compare.js'
import { testedDevices } from './support/devices.js'
import { generate } from './support/generator.js'

const steps = 100
const batch = 32
const folder = '/usr/share/datasets/fashion-mnist'
const losses = JSON.parse(
  readFileSync(fileURLToPath(new URL('../../test/golden/training.json', import.meta.url)), 'utf8'),
) as { synthetic: number[]; fashion: number[] }

interface Batch {
  images: Float32Array
  labels: Int32Array
}

function uniform(name: string, shape: readonly number[], bound: number): number[] {
  return generate({ shape: [...shape], dtype: 'float32', kind: 'uniform', low: -bound, high: bound }, name)
}

function network(side: number, activation: () => nn.Layer, pooling: () => nn.Layer, device: DeviceName): nn.Sequential {
  const net = new nn.Sequential(
    new nn.Conv2d(1, 8, 5, { padding: 2 }),
    new nn.BatchNorm2d(8),
    activation(),
    pooling(),
    new nn.Conv2d(8, 16, 3, { padding: 1 }),
    new nn.BatchNorm2d(16),
    activation(),
    pooling(),
    new nn.Flatten(),
    new nn.Linear(16 * (side / 4) ** 2, 10),
  )
  net.to(device)
  for (const [name, parameter] of net.namedParameters()) {
    if (!['0', '4', '9'].includes(name.split('.')[0]!)) continue
    const values = Float32Array.from(uniform(`training/${side}/${name}`, parameter.shape, 0.125))
    noGrad(() => tidy(() => parameter.copy_(tensor(values, { shape: parameter.shape, device }))))
  }
  return net
}

const classImages = uniform('training/images', [10, 1, 16, 16], 1)

function synthetic(step: number): Batch {
  const spec = { shape: [batch], dtype: 'int32', kind: 'integers', low: 0, high: 10 } as const
  const labels = Int32Array.from(generate({ ...spec, shape: [batch] }, `training/labels/${step}`))
  const noise = uniform(`training/noise/${step}`, [batch, 1, 16, 16], 2)
  const images = Float32Array.from(noise, (value, i) => value + classImages[labels[i >> 8]! * 256 + (i & 255)]!)
  return { images, labels }
}

function fashion(): (step: number) => Batch {
  const read = (name: string, header: number) => gunzipSync(readFileSync(`${folder}/${name}`)).subarray(header)
  const pixels = read('train-images-idx3-ubyte.gz', 16)
  const classes = read('train-labels-idx1-ubyte.gz', 8)
  return (step) => {
    const chosen = Array.from({ length: batch }, (_, i) => ((i + step * batch) * 577) % 60000)
    const labels = Int32Array.from(chosen, (index) => classes[index]!)
    const images = new Float32Array(batch * 784)
    for (let i = 0; i < images.length; i++) {
      images[i] = Math.fround(pixels[chosen[Math.floor(i / 784)]! * 784 + (i % 784)]! / 255)
    }
    return { images, labels }
  }
}

async function train(net: nn.Sequential, side: number, batches: (step: number) => Batch, device: DeviceName) {
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.02, momentum: 0.9 })
  const found: number[] = []
  for (let step = 0; step < steps; step++) {
    const { images, labels } = batches(step)
    const loss: Tensor = tidy(() => {
      const x = tensor(images, { shape: [batch, 1, side, side], device })
      const target = tensor(labels, { dtype: 'int32', device })
      const result = functional.crossEntropy(net.forward(x), target)
      optimizer.zeroGrad()
      result.backward()
      optimizer.step()
      return result.detach()
    })
    found.push(await loss.item())
    loss.dispose()
  }
  optimizer.dispose()
  net.dispose()
  return found
}

function follows(t: ExecutionContext, found: number[], expected: number[]): void {
  t.is(found.length, expected.length)
  const errors = found.map((loss, i) => Math.abs(loss - expected[i]!) / expected[i]!)
  const worst = errors.indexOf(Math.max(...errors))
  t.true(
    errors.every((error) => error <= tolerances.training),
    `step ${worst}: loss ${found[worst]}, PyTorch's ${expected[worst]}`,
  )
}

for (const { name: device } of testedDevices()) {
  test.serial(`${device}: a hundred steps on synthetic images follow PyTorch`, async (t) => {
    const net = network(
      16,
      () => new nn.ReLU(),
      () => new nn.MaxPool2d(2),
      device,
    )
    follows(t, await train(net, 16, synthetic, device), losses.synthetic)
  })

  if (existsSync(folder)) {
    test.serial(`${device}: a hundred steps on Fashion-MNIST follow PyTorch`, async (t) => {
      const net = network(
        28,
        () => new nn.GELU(),
        () => new nn.AvgPool2d(2),
        device,
      )
      follows(t, await train(net, 28, fashion(), device), losses.fashion)
    })
  }
}
if (!existsSync(folder)) {
  console.log(
    `skipped: training parity on Fashion-MNIST, since ${folder} is absent (apt install dataset-fashion-mnist)`,
  )
}
