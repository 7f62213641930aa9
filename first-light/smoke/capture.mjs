// A compiled training step, which is recorded at its second run and replayed from then on: its losses are those of eager steps.
import { cnn, device, difference, verdict } from '../smoke-check.mjs'

const { functional, nn, optim } = cnn
cnn.setCudaOptions({ allowTf32: false, deterministic: true })

async function losses(isCompiled) {
  cnn.manualSeed(2)
  const net = new nn.Sequential(
    new nn.Conv2d(3, 8, 3, { padding: 1 }),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(8 * 8 * 8, 4),
  ).to(device)
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9 })
  const x = cnn.randn([8, 3, 16, 16], { device })
  const target = cnn.randint(0, 4, [8], { device })
  const body = (x, target) => {
    const loss = functional.crossEntropy(net.forward(x), target)
    loss.backward()
    optimizer.step()
    optimizer.zeroGrad()
    return loss.detach()
  }
  const step = isCompiled ? cnn.compile(body) : (...inputs) => cnn.tidy(() => body(...inputs))
  const values = []
  for (let i = 0; i < 6; i++) values.push(await step(x, target).item())
  return values
}

const [compiled, eager] = [await losses(true), await losses(false)]
const furthest = difference(compiled, eager)
verdict(furthest <= 1e-4 && compiled[5] < compiled[0], { compiled, difference: furthest })
