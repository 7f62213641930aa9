// A few training steps of a small network with every kind of layer, op by op and compiled: what the profiler and the sanitizer watch.
// Arguments: device, images, their side.
import { blocks, compile, functional, manualSeed, nn, optim, randint, randn, tidy } from '../../dist/lib/index.js'

const [device, ...numbers] = process.argv.slice(2)
const [count, side] = numbers.map(Number)
manualSeed(0)
const net = new nn.Sequential(
  new nn.Conv2d(3, 32, 3, { padding: 1, bias: false }),
  new nn.BatchNorm2d(32),
  new nn.ReLU(),
  new nn.MaxPool2d(2),
  new blocks.InvertedResidual(32, { outChannels: 32, expandRatio: 2 }),
  new nn.Conv2d(32, 64, 3, { stride: 2, padding: 1, groups: 4 }),
  new nn.GELU(),
  new nn.AdaptiveAvgPool2d(1),
  new nn.Flatten(),
  new nn.Dropout(0.1),
  new nn.Linear(64, 10),
).to(device)
const optimizer = new optim.Adam(net.parameters(), { lr: 1e-3 })
const x = randn([count, 3, side, side], { device })
const target = randint(0, 10, [count], { device })
const body = (x, target) => {
  const loss = functional.crossEntropy(net.forward(x), target)
  loss.backward()
  optimizer.step()
  optimizer.zeroGrad()
  return loss.detach()
}
const compiled = compile(body)
const losses = []
for (let i = 0; i < 2; i++) losses.push(await tidy(() => body(x, target)).item())
for (let i = 0; i < 4; i++) losses.push(await compiled(x, target).item())
console.log(JSON.stringify({ losses }))
process.exitCode = losses.every(Number.isFinite) ? 0 : 1
