// The networks that benchmarks run; benchmarks/peers/nets.py holds the same ones for PyTorch.
import { models, nn } from '../lib/index.js'

export interface Workload {
  make: () => nn.Sequential
  /** C, H, W of one sample. */
  shape: readonly [number, number, number]
  classes: number
}

/** LeNet-5 as it is often written today: ReLU, max pooling, and C5 as the linear layer that it is on 32×32 grey pictures. */
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

export const workloads: Record<string, Workload> = {
  cifar: { make: () => models.cifar10Net(), shape: [3, 32, 32], classes: 10 },
  lenet: { make: lenet, shape: [1, 32, 32], classes: 10 },
}
