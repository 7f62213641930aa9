// A small task for trainers: points of two rings, and a whole run on them.
import { data, functional, type HalfType, manualSeed, nn, optim, tensor, train } from '../../lib/index.js'

const { DataLoader, TensorDataset } = data
const { Trainer } = train

/** Points of two rings, 0 inside and 1 outside: no line separates them. */
export function rings(count: number): data.TensorDataset {
  const points = new Float32Array(count * 2)
  const classes = new Int32Array(count)
  for (let i = 0; i < count; i++) {
    const angle = i * 2.399963
    const radius = i % 2 === 0 ? 0.5 : 1.5
    classes[i] = i % 2
    points.set([radius * Math.cos(angle), radius * Math.sin(angle)], 2 * i)
  }
  return new TensorDataset(tensor(points, { shape: [count, 2] }), tensor(classes))
}

/** Everything of a run on the rings: dropout draws random numbers, the loader shuffles, one epoch has 7 steps. */
export function ringRun(epochs = 6, autocast?: HalfType) {
  manualSeed(11)
  const dataset = rings(100)
  const loader = new DataLoader(dataset, { batchSize: 16, shuffle: true })
  const net = new nn.Sequential(new nn.Linear(2, 16), new nn.ReLU(), new nn.Dropout(0.1), new nn.Linear(16, 2))
  const optimizer = new optim.Adam(net.parameters(), { lr: 0.02 })
  const scheduler = new optim.OneCycleLR(optimizer, 0.02, { totalSteps: epochs * loader.length })
  const trainer = new Trainer(net, {
    optimizer,
    scheduler,
    schedulerInterval: 'step',
    loss: functional.crossEntropy,
    clipGradNorm: 5,
    ...(autocast && { autocast }),
  })
  return { dataset, loader, net, optimizer, scheduler, trainer }
}
