// State dicts: PyTorch's names, loading with and without strictness, nothing changed by an error.
import test from 'ava'
import { nn, ones, ShapeError, type Tensor, tensor, ValueError, zeros } from '../lib/index.js'
import { goldenJson, numbers } from './support/golden-json.js'

class Block extends nn.Module {
  conv1: nn.Conv2d
  bn1: nn.BatchNorm2d
  relu = new nn.ReLU()
  downsample: nn.Sequential
  constructor(inputs: number, outputs: number) {
    super()
    this.conv1 = new nn.Conv2d(inputs, outputs, 3, { bias: false })
    this.bn1 = new nn.BatchNorm2d(outputs)
    this.downsample = new nn.Sequential(new nn.Conv2d(inputs, outputs, 1), new nn.BatchNorm2d(outputs))
  }
  override forward(x: Tensor): Tensor {
    return this.relu.forward(this.bn1.forward(this.conv1.forward(x)))
  }
}

class Net extends nn.Module {
  layer1 = new nn.ModuleList([new Block(3, 4), new Block(4, 4)])
  fc = new nn.Linear(4, 2)
  norm = new nn.LayerNorm([2])
  plain = new nn.InstanceNorm2d(4)
  tracked = new nn.InstanceNorm2d(4, { affine: true, trackRunningStats: true })
  override forward(x: Tensor): Tensor {
    return this.fc.forward(x)
  }
}

const golden = goldenJson<{ stateDict: Record<string, number[]>; parameters: string[] }>('nn.json')

test('names, order and shapes are those of PyTorch', (t) => {
  const net = new Net()
  const shapes = Object.fromEntries(Object.entries(net.stateDict()).map(([name, { shape }]) => [name, [...shape]]))
  t.deepEqual(shapes, golden.stateDict)
  t.deepEqual(Object.keys(shapes), Object.keys(golden.stateDict))
  t.deepEqual(
    net.namedParameters().map(([name]) => name),
    golden.parameters,
  )
})

test('a state dict loaded into another network makes it the same', (t) => {
  const [from, to] = [new Net(), new Net()]
  from.stateDict()['layer1.1.bn1.running_mean']!.fill_(0.25)
  from.stateDict()['tracked.num_batches_tracked']!.fill_(7)
  t.notDeepEqual(numbers(to.fc.weight), numbers(from.fc.weight))
  const weight = to.fc.weight
  t.deepEqual(to.loadStateDict(from.stateDict()), { missingKeys: [], unexpectedKeys: [] })
  t.is(to.fc.weight, weight)
  for (const [name, tensor] of Object.entries(from.stateDict())) {
    t.deepEqual(numbers(to.stateDict()[name]!), numbers(tensor), name)
  }
  t.true(weight.requiresGrad && weight.isLeaf)
})

test('a Map, another type and another device are taken too', (t) => {
  const layer = new nn.Linear(2, 1).to('cpu')
  const state = new Map<string, Tensor>([
    ['weight', tensor([[1, 2]], { dtype: 'float64', device: 'reference' })],
    ['bias', tensor([3], { dtype: 'float16' })],
  ])
  layer.loadStateDict(state)
  t.deepEqual(numbers(layer.weight), [1, 2])
  t.deepEqual(numbers(layer.bias!), [3])
  t.is(layer.weight.dtype, 'float32')
  t.is(layer.weight.device, 'cpu')
})

test('missing and unexpected names are an error that lists them, and a result without strict', (t) => {
  const net = new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2))
  const before = numbers((net[0] as nn.Linear).weight)
  const state = { '0.weight': zeros([2, 2]), '1.weight': ones([2]), extra: ones([1]) }
  const error = t.throws(() => net.loadStateDict(state), { instanceOf: ValueError })
  t.regex(error.message, /missing 0\.bias, 1\.bias, 1\.running_mean, 1\.running_var; unexpected extra/)
  t.deepEqual(numbers((net[0] as nn.Linear).weight), before)
  t.deepEqual(net.loadStateDict(state, { strict: false }), {
    missingKeys: ['0.bias', '1.bias', '1.running_mean', '1.running_var'],
    unexpectedKeys: ['extra'],
  })
  t.deepEqual(numbers((net[0] as nn.Linear).weight), [0, 0, 0, 0])
})

test('a tensor of another shape is an error that names it, and nothing is loaded', (t) => {
  const layer = new nn.Linear(2, 2)
  const before = numbers(layer.weight)
  const error = t.throws(() => layer.loadStateDict({ weight: zeros([2, 2]), bias: zeros([3]) }), {
    instanceOf: ShapeError,
  })
  t.regex(error.message, /bias is \[3\], expected \[2\]/)
  t.deepEqual(numbers(layer.weight), before)
})

test('files of old PyTorch versions lack the batch counter, which then is left alone', (t) => {
  const layer = new nn.BatchNorm2d(2)
  const { num_batches_tracked: _, ...rest } = new nn.BatchNorm2d(2).stateDict()
  t.deepEqual(layer.loadStateDict(rest), { missingKeys: [], unexpectedKeys: [] })
})
