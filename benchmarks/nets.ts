// The networks that benchmarks run; benchmarks/peers/nets.py holds the same ones for PyTorch.
import { blocks, models, nn } from '../lib/index.js'

export interface Workload {
  make: () => nn.Module
  /** C, H, W of one sample. */
  shape: readonly [number, number, number]
  /** Undefined: the loss is the mean of the output. */
  classes?: number
}

/** LeNet-5 in its usual modern form: ReLU and max pooling, 32×32 grey pictures. */
function lenet(): nn.Sequential {
  return new nn.Sequential(
    new nn.Conv2d(1, 6, 5),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(6, 16, 5),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(400, 120),
    new nn.ReLU(),
    new nn.Linear(120, 84),
    new nn.ReLU(),
    new nn.Linear(84, 10),
  )
}

/** GoogLeNet's module 3a. */
function inception(): nn.Module {
  const widths = { channels1x1: 64, reduce3x3: 96, channels3x3: 128, reduce5x5: 16, channels5x5: 32, channelsPool: 32 }
  return new blocks.Inception(192, { ...widths, norm: false })
}

const picture = [3, 224, 224] as const

export const workloads: Record<string, Workload> = {
  cifar: { make: models.cifar10Net, shape: [3, 32, 32], classes: 10 },
  lenet: { make: lenet, shape: [1, 32, 32], classes: 10 },
  resnet50: { make: models.resnet50, shape: picture, classes: 1000 },
  resnet34: { make: models.resnet34, shape: picture, classes: 1000 },
  mobilenetv2: { make: () => models.mobilenetV2({ dropout: 0 }), shape: picture, classes: 1000 },
  vgg16: { make: models.vgg16, shape: picture, classes: 1000 },
  inception: { make: inception, shape: [192, 28, 28] },
}
