// A linear layer and the activation after it are one op, in float32 and half types, with weights that stay (packed ahead) and weights that are trained.
import test from 'ava'
import { compile, functional as F, manualSeed, nn, noGrad, optim, randn, type Tensor, tidy } from '../lib/index.js'
import type { DeviceName, DType } from '../types/dtype.js'
import { relativeError } from './support/compare.js'
import { testedDevices } from './support/devices.js'

const values = (t: Tensor) => [...(t.to('float32').dataSync() as Float32Array)]

/** Rows, inputs and outputs: vectors, fewer and more rows than oneDNN packs for, and sizes that fill no vector. */
const sizes = [
  [1, 64, 10],
  [2, 5, 3],
  [3, 100, 33],
  [16, 400, 120],
  [33, 84, 17],
  [70, 129, 130],
] as const

const activations = { relu: F.relu, relu6: F.relu6 }

/** What the layer gives by itself, op by op, in float64 on the reference device. */
function truth(layer: nn.Linear, x: Tensor, activate: (x: Tensor) => Tensor): number[] {
  const wide = (t: Tensor) => t.to('reference').to('float64')
  return tidy(() =>
    noGrad(() => values(activate(F.linear(wide(x), wide(layer.weight), layer.bias ? wide(layer.bias) : null)))),
  )
}

/** Of cuBLASLt's ReLU nothing says that NaN stays. */
const isFused = (device: DeviceName) => !device.startsWith('cuda')

const tolerances: Partial<Record<DType, number>> = { float32: 1e-5, bfloat16: 2 ** -8, float16: 2 ** -11 }

for (const { name: device } of testedDevices()) {
  for (const dtype of ['float32', 'bfloat16', 'float16'] as const) {
    for (const [rows, inputs, outputs] of sizes) {
      test.serial(`${device}: ${dtype} [${rows}, ${inputs}] → ${outputs}: fused, with the same result`, (t) => {
        manualSeed(rows)
        for (const bias of [true, false]) {
          for (const [name, activate] of Object.entries(activations)) {
            const layer = tidy(() => new nn.Linear(inputs, outputs, { bias }).to(device).to(dtype).eval())
            const x = tidy(() => randn([rows, inputs], { device }).mul(4).to(dtype))
            const expected = truth(layer, x, activate)
            const stays = compile((x: Tensor) => noGrad(() => activate(layer.forward(x))))
            const isGiven = compile((x: Tensor, weight: Tensor) =>
              noGrad(() => activate(F.linear(x, weight, layer.bias))),
            )
            for (const run of [1, 2]) {
              const error = relativeError(
                tidy(() => values(stays(x))),
                expected,
              )
              t.true(error <= tolerances[dtype]!, `${name}, bias ${bias}, run ${run}: ${error}`)
              const given = relativeError(
                tidy(() => values(isGiven(x, layer.weight))),
                expected,
              )
              t.true(given <= tolerances[dtype]!, `${name}, bias ${bias}, given weights, run ${run}: ${given}`)
            }
            if (isFused(device)) t.regex(stays.toString(), /linearActivation/)
            for (const each of [...layer.parameters(), x]) each.dispose()
          }
        }
      })
    }
  }

  test.serial(`${device}: training, and packed weights that change`, (t) => {
    trainsAlike(t.true.bind(t), device)
  })
}

/** Compiled steps and predictions in turn: the weights that a prediction packed must be those after the step. */
function trainsAlike(isTrue: (value: boolean, message: string) => unknown, device: DeviceName): void {
  const make = () => {
    manualSeed(7)
    const net = new nn.Sequential(
      new nn.Linear(40, 64),
      new nn.ReLU(),
      new nn.Linear(64, 48),
      new nn.ReLU6(),
      new nn.Linear(48, 8),
    ).to(device)
    return { net, optimizer: new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 }) }
  }
  const [eager, compiled] = [make(), make()]
  const [x, target] = tidy(() => [randn([24, 40], { device }), randn([24, 8], { device })])
  const step =
    ({ net, optimizer }: ReturnType<typeof make>) =>
    (x: Tensor, target: Tensor) => {
      const loss = F.mseLoss(net.forward(x), target)
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      return loss.detach()
    }
  const train = compile(step(compiled))
  const predict = compile((x: Tensor) => noGrad(() => compiled.net.forward(x)))
  for (let i = 0; i < 4; i++) {
    const [wanted, made] = tidy(() => [values(step(eager)(x, target)), values(train(x, target))])
    isTrue(relativeError(made!, wanted!) <= 1e-5, `loss of step ${i}`)
    const [before, after] = tidy(() => [noGrad(() => values(eager.net.forward(x))), values(predict(x))])
    isTrue(relativeError(after!, before!) <= 1e-5, `prediction after step ${i}`)
  }
}

test.serial('an activation of what is read elsewhere, or is a result, stays by itself', (t) => {
  const [x, weight] = [randn([20, 30], { device: 'cpu' }), randn([40, 30], { device: 'cpu' })]
  const functions = {
    'read twice': (x: Tensor) => {
      const y = F.linear(x, weight)
      return [y.relu().add(y)]
    },
    'a result': (x: Tensor) => {
      const y = F.linear(x, weight)
      return [y, y.relu()]
    },
    overwritten: (x: Tensor) => {
      const y = F.linear(x, weight)
      y.copy_(y.mul(-1))
      return [y.relu()]
    },
    'the weight is overwritten in between': (x: Tensor) => {
      const w = weight.mul(1)
      const y = F.linear(x, w)
      w.copy_(w.mul(2))
      return [y.relu(), w.mul(1)]
    },
  }
  for (const [name, fn] of Object.entries(functions)) {
    const expected = tidy(() => noGrad(() => fn(x).map(values)))
    const compiled = compile((x: Tensor) => noGrad(() => fn(x)))
    const actual = tidy(() => compiled(x).map(values))
    for (const [i, each] of actual.entries()) t.true(relativeError(each, expected[i]!) <= 1e-5, `${name}: result ${i}`)
    t.notRegex(compiled.toString(), /linearActivation/, name)
  }
})
