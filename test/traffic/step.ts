// Two training steps of ResNet-34 on the simulated device, whose kernels count: one as a graph, one step of the program after the other. Arguments:
// samples, their height and width, channels of the first convolution. Prints a Measured as JSON.
import {
  compile,
  functional,
  manualSeed,
  models,
  ones,
  optim,
  randint,
  randn,
  setDefaultDevice,
  synchronize,
  type Tensor,
  tidy,
} from '../../lib/index.js'
import { openControl, type Traffic } from '../support/simulated.js'
import type { Measured } from './rows.js'

const device = 'cuda:0'
const [samples = 1, size = 32, filters = 64] = process.argv.slice(2).map(Number)
const control = openControl()
const traffic = () => JSON.parse(control.traffic()) as Traffic[]

manualSeed(1)
const net = models.resnet34({ numClasses: 10, baseChannels: filters }).to(device).train()
const optimizer = new optim.SGD(net.parameters(), { lr: 0.01, momentum: 0.9, weightDecay: 1e-4 })
const step = compile((x: Tensor, target: Tensor) => {
  const loss = functional.crossEntropy(net.forward(x), target)
  loss.backward()
  optimizer.step()
  optimizer.zeroGrad()
  return loss.detach()
})
const x = randn([samples, 3, size, size], { device })
const target = randint(0, 10, [samples], { device })

// The optimizer's first step is another than those that follow, a plan is taken when it is there, and its first run is not recorded.
for (let i = 0; i < 4; i++) {
  tidy(() => void step(x, target))
  await synchronize(device)
}
control.reset()
tidy(() => void step(x, target))
await synchronize(device)
const run = traffic()

// What a profile compares with is measured once, on the default device.
setDefaultDevice('cpu')
using one = ones([1], { device: 'cpu' })
using f = compile((y: Tensor) => y.exp())
await f.profile(one)
control.reset()
const { steps } = await step.profile(x, target)
const profiled = traffic()
// After each step the host reads the device's faults and waits.
const waits = [...new Set(profiled.map(({ wait }) => wait))].slice(-steps.length)
const measured: Measured = {
  run,
  steps: steps.map(({ name, detail, bytes }, s) => ({
    name,
    detail,
    least: bytes,
    nodes: profiled.filter(({ wait }) => wait === waits[s]).slice(0, -1),
  })),
}
console.log(JSON.stringify(measured))

step.dispose()
optimizer.dispose()
for (const each of [x, target, ...net.parameters(), ...net.buffers()]) each.dispose()
