// Copies of modules: the same numbers, memory and layers of their own.
import test from 'ava'
import {
  type Compiled,
  compile,
  models,
  nn,
  noGrad,
  ones,
  randn,
  type Tensor,
  tidy,
  ValueError,
  zeros,
} from '../lib/index.js'

const numbers = (x: unknown) => [...(x as Tensor).dataSync()]

/** Networks whose fields are of every kind: rows of blocks, cells, lists, layers in options. */
const networks: Record<string, () => nn.Module<[x: Tensor], unknown>> = {
  LeNet5: () => new models.LeNet5(),
  CifarResNet: () => models.cifarResNet(),
  MobileNetV2: () => models.mobilenetV2({ numClasses: 10 }),
  DenseNet: () => models.densenet121({ numClasses: 10 }),
  GoogLeNet: () => models.googlenet({ numClasses: 10 }),
}

const sides: Record<string, [channels: number, side: number]> = { LeNet5: [1, 32] }

for (const [name, make] of Object.entries(networks)) {
  test(`${name}: a clone computes the same, and shares nothing`, (t) => {
    tidy(() => {
      const net = make().eval()
      const copy = net.clone()
      const [channels, side] = sides[name] ?? [3, 32]
      const x = randn([2, channels, side, side])
      t.true(copy instanceof Object.getPrototypeOf(net).constructor)
      t.false(copy.training)
      t.deepEqual(Object.keys(copy.stateDict()), Object.keys(net.stateDict()))
      const before = numbers(noGrad(() => net.forward(x)))
      t.deepEqual(numbers(noGrad(() => copy.forward(x))), before)
      noGrad(() => {
        for (const parameter of copy.parameters()) parameter.fill_(0)
      })
      t.deepEqual(numbers(noGrad(() => net.forward(x))), before)
      const modules = new Set<unknown>(net.modules())
      t.true(copy.modules().every((module) => !modules.has(module)))
      copy.dispose()
      net.dispose()
    })
  })
}

test('what is shared stays shared; wishes for gradients, modes and other fields come along', (t) => {
  class Net extends nn.Module {
    table = new Map([['scale', 2]])
    names = ['a', 'b']
    first = new nn.Linear(3, 3)
    second = this.first
    tail: nn.Module[] = [new nn.BatchNorm1d(3), new nn.Dropout(0.25)]
    step = (x: Tensor) => x.mul(2)
    override forward(x: Tensor): Tensor {
      return this.step(this.tail.reduce((y, layer) => layer.forward(y), this.second.forward(this.first.forward(x))))
    }
  }
  const net = new Net()
  net.first.bias!.requiresGrad_(false)
  net.tail[0]!.eval()
  const copy = net.clone()
  t.is(copy.second, copy.first)
  t.not(copy.first, net.first)
  t.is(copy.parameters().length, net.parameters().length)
  t.false(copy.first.bias!.requiresGrad)
  t.true(copy.first.weight.requiresGrad)
  t.is(copy.first.weight.grad, null)
  t.deepEqual(
    copy.modules().map((module) => module.training),
    net.modules().map((module) => module.training),
  )
  copy.table.set('scale', 3)
  copy.names.push('c')
  t.is(net.table.get('scale'), 2)
  t.deepEqual(net.names, ['a', 'b'])
  t.is(copy.step, net.step)
})

test('a compiled function of a clone notices a replaced layer', (t) => {
  const net = new nn.Sequential(new nn.Linear(2, 2), new nn.ReLU())
  const copy = net.clone()
  const f: Compiled<[x: Tensor], Tensor> = copy.compile()
  const x = ones([1, 2])
  t.deepEqual(numbers(f(x)), numbers(noGrad(() => copy.forward(x))))
  const other = new nn.Linear(2, 2)
  copy[0] = other
  t.deepEqual(numbers(f(x)), numbers(noGrad(() => copy.forward(x))))
  f.dispose()
})

test('no copy while a function is recorded', (t) => {
  const net = new nn.Linear(2, 2)
  t.throws(() => compile((x: Tensor) => net.clone().forward(x))(zeros([1, 2])), {
    instanceOf: ValueError,
    message: /clone: a function is recorded/,
  })
})
