// Sequential: layers one after another, read and replaced by their place, one of our own among them; and what stands
// between convolutions and linear layers: flatten, beside reshape, view and squeeze.
import {
  arange,
  data,
  functional,
  manualSeed,
  nn,
  noGrad,
  ones,
  optim,
  randn,
  type Tensor,
  Trainer,
  tidy,
  zeros,
} from '../lib/index.js'
import { experiment, type Lab } from './support/experiment.js'

const { DataLoader, FashionMNIST, subset } = data

/** For pictures of 1×28×28: two convolutions, each halved by a pooling, and two linear layers. */
function network(): nn.Sequential {
  return new nn.Sequential(
    new nn.Conv2d(1, 16, 3, { padding: 1 }), // 0: [N, 16, 28, 28]
    new nn.ReLU(),
    new nn.MaxPool2d(2), // 2: [N, 16, 14, 14]
    new nn.Conv2d(16, 32, 3, { padding: 1 }), // 3: [N, 32, 14, 14]
    new nn.ReLU(),
    new nn.MaxPool2d(2), // 5: [N, 32, 7, 7]
    new nn.Flatten(), // 6: [N, 1568]
    new nn.Linear(32 * 7 * 7, 64),
    new nn.ReLU(), // 8
    new nn.Linear(64, 10), // 9: [N, 10]
  )
}

/** A layer of our own: one learned factor and one learned summand a channel. What its fields hold is found by itself. */
class ChannelAffine extends nn.Module {
  scale: nn.Parameter
  shift: nn.Parameter

  constructor(channels: number) {
    super()
    this.scale = new nn.Parameter(ones([channels, 1, 1])) // [C, 1, 1] is broadcast over [N, C, H, W]
    this.shift = new nn.Parameter(zeros([channels, 1, 1]))
  }

  override forward(x: Tensor): Tensor {
    return x.mul(this.scale).add(this.shift)
  }
}

await experiment(
  import.meta.url,
  {
    title: 'Sequential',
    question: 'How is a network put together from layers, taken apart again, and where do the shapes change?',
  },
  async (lab) => {
    manualSeed(1)
    await layerByLayer(lab)
    await indexAndReplace(lab)
    await layersOfOurOwn(lab)
    await flattening(lab)
    withoutFlatten(lab)
  },
)

/** Calling the network is calling its layers in turn. */
async function layerByLayer(lab: Lab): Promise<void> {
  const net = network()
  using x = randn([2, 1, 28, 28])
  const { rows, params } = nn.summary(net, x.shape)
  lab.print('The network, with the shapes that two pictures of 1×28×28 take on their way:')
  lab.table(
    ['layer', 'type', 'output', 'parameters', 'multiply-adds for one'],
    rows.map(({ name, type, outputShape, params, multiplyAdds }) => [
      `net[${name}]`,
      type,
      text(outputShape),
      params.toLocaleString('en'),
      (multiplyAdds / x.shape[0]!).toLocaleString('en'),
    ]),
  )
  const byHand = 16 * (1 * 9 + 1) + 32 * (16 * 9 + 1) + 64 * (1568 + 1) + 10 * (64 + 1)
  lab.check('as many parameters as counted by hand', params === byHand, params.toLocaleString('en'))

  const [whole, inTurn] = tidy(() => {
    let value = x
    for (const layer of net) value = layer.forward(value)
    return [net.forward(x), value] as const
  })
  lab.close('the layers called one by one give what the network gives', await inTurn.data(), await whole.data(), 0)
  lab.check('ten scores for each picture', text(whole.shape) === '[2, 10]', text(whole.shape))
  lab.print()
}

/** `net[i]` reads and writes, as in an array; only what is replaced is new. */
async function indexAndReplace(lab: Lab): Promise<void> {
  const net = network()
  const first = net[0] as nn.Conv2d
  lab.print(`net.length     ${net.length}\nnet[0]         ${first}\nnet[0].weight  ${first.weight}`)
  lab.print(`net.at(-1)     ${net.at(-1)}\nnames          ${Object.keys(net.stateDict()).join(', ')}`)

  using x = randn([4, 1, 28, 28])
  using before = noGrad(() => net.forward(x))
  const [head, features] = [net[9] as nn.Linear, net.stateDict()['0.weight']]
  const countBefore = count(net)
  // Three classes instead of ten, as when a trained network is given another task.
  net[9] = new nn.Linear(64, 3)
  using after = noGrad(() => net.forward(x))
  lab.print(`after net[9] = new nn.Linear(64, 3): [4, 1, 28, 28] → ${text(after.shape)}`)
  lab.check('the new last layer decides the output', text(after.shape) === '[4, 3]', text(after.shape))
  lab.check('the other layers are the same objects', net.stateDict()['0.weight'] === features)
  lab.check(
    'seven classes fewer are 7 · (64 + 1) parameters fewer',
    countBefore - count(net) === 7 * 65,
    `${countBefore.toLocaleString('en')} → ${count(net).toLocaleString('en')}`,
  )
  net[9] = head
  using again = noGrad(() => net.forward(x))
  lab.close('with the old layer back, the old scores are back', await again.data(), await before.data(), 0)

  net[1] = new nn.Tanh()
  using tanh = noGrad(() => net.forward(x))
  const [was, is] = [await before.data(), await tanh.data()]
  const moved = Math.max(...was.map((value, i) => Math.abs(value - is[i]!)))
  lab.check('Tanh for the first ReLU keeps the shapes and changes the scores', moved > 1e-3, `by up to ${fixed(moved)}`)
  lab.print()
}

/** Between the layers of the library stand a class, an object with `forward`, and a network in the network. */
async function layersOfOurOwn(lab: Lab): Promise<void> {
  const net = network()
  using x = randn([4, 1, 28, 28])
  using before = noGrad(() => net.forward(x))
  const affine = new ChannelAffine(16)
  net[1] = new nn.Sequential(affine, new nn.ReLU())
  lab.print(`net[1] with a layer of our own:\n${net[1]}`)
  const own = Object.keys(net.stateDict()).filter((name) => name.startsWith('1.'))
  lab.check('its parameters are found and named', own.join() === '1.0.scale,1.0.shift', own.join(', '))
  using after = noGrad(() => net.forward(x))
  lab.close('at first it changes nothing: · 1 + 0', await after.data(), await before.data(), 1e-6)

  // Any object with `forward` is a layer: here, one that only looks.
  const seen: string[] = []
  const watch = {
    forward(x: Tensor): Tensor {
      seen.push(text(x.shape))
      return x
    },
  }
  net[2] = new nn.Sequential(watch, new nn.MaxPool2d(2), watch)
  noGrad(() => net.forward(x)).dispose()
  lab.check(
    'an object with forward watches the pooling',
    seen.join() === '[4, 16, 28, 28],[4, 16, 14, 14]',
    seen.join(' → '),
  )

  const pictures = lab.isShort ? 2_000 : 20_000
  using trainSet = await FashionMNIST.load({ train: true })
  using testSet = await FashionMNIST.load({ train: false })
  const optimizer = new optim.Adam(net.parameters(), { lr: 0.002 })
  const trainer = new Trainer(net, { optimizer, loss: functional.crossEntropy })
  await trainer.fit(new DataLoader(subset(trainSet, Array(pictures).keys()), { batchSize: 32, shuffle: true }), {
    epochs: 1,
  })
  const { accuracy = 0 } = await trainer.evaluate(
    new DataLoader(subset(testSet, Array(1_000).keys()), { batchSize: 500 }),
  )
  const scales = await affine.scale.data()
  const moved = Math.max(...scales.map((scale) => Math.abs(scale - 1)))
  const counted = pictures.toLocaleString('en')
  lab.check(`${counted} pictures of clothes move its factors too`, moved > 0.01, `by up to ${fixed(moved)}`)
  lab.check(
    'the network with it recognises more than half of 1,000 clothes',
    accuracy > 0.5,
    `${(100 * accuracy).toFixed(1)} %`,
  )
  lab.print()
}

/** All four only rename the places of the same elements; what differs is how the new shape is said. */
async function flattening(lab: Lab): Promise<void> {
  const cases: [from: readonly number[], call: string, run: (x: Tensor) => Tensor, to: readonly number[]][] = [
    [[8, 32, 7, 7], 'flatten()', (x) => x.flatten(), [12544]],
    [[8, 32, 7, 7], 'flatten(1)', (x) => x.flatten(1), [8, 1568]],
    [[8, 32, 7, 7], 'flatten(2)', (x) => x.flatten(2), [8, 32, 49]],
    [[8, 32, 7, 7], 'flatten(0, 1)', (x) => x.flatten(0, 1), [256, 7, 7]],
    [[8, 32, 7, 7], 'reshape([8, -1])', (x) => x.reshape([8, -1]), [8, 1568]],
    [[8, 32, 7, 7], 'reshape([-1, 1568])', (x) => x.reshape([-1, 1568]), [8, 1568]],
    [[8, 32, 7, 7], 'view([8, 32, 49])', (x) => x.view([8, 32, 49]), [8, 32, 49]],
    [[8, 32, 7, 7], 'squeeze()', (x) => x.squeeze(), [8, 32, 7, 7]],
    [[8, 32, 1, 1], 'flatten(1)', (x) => x.flatten(1), [8, 32]],
    [[8, 32, 1, 1], 'squeeze()', (x) => x.squeeze(), [8, 32]],
    [[1, 32, 1, 1], 'flatten(1)', (x) => x.flatten(1), [1, 32]],
    [[1, 32, 1, 1], 'squeeze()', (x) => x.squeeze(), [32]],
    [[1, 32, 1, 1], 'squeeze([2, 3])', (x) => x.squeeze([2, 3]), [1, 32]],
  ]
  const results = cases.map(([from, call, run, to]) => ({ from, call, to, came: tidy(() => run(zeros(from)).shape) }))
  lab.print('What becomes of a batch:')
  lab.table(
    ['from', 'call', 'to'],
    results.map(({ from, call, came }) => [text(from), call, text(came)]),
  )
  const wrong = results.filter(({ came, to }) => text(came) !== text(to))
  lab.check(`${cases.length} shapes as expected`, wrong.length === 0, wrong.map(({ call }) => call).join() || undefined)
  lab.print(
    'squeeze takes away every size of 1, that of a batch of one too: a network that ends so fails on one picture.',
  )

  using x = arange(2 * 3 * 4).reshape([2, 3, 4])
  const same = tidy(() => [x.flatten(1), x.reshape([2, -1]), x.view([2, 12])] as const)
  const expected = Array.from({ length: 24 }, (_, i) => i)
  for (const [i, name] of ['flatten', 'reshape', 'view'].entries()) {
    lab.close(`${name} keeps the order of the elements`, await same[i]!.data(), expected, 0)
  }
  // No element is copied: what is written into the view is read in x.
  same[2].fill_(7)
  lab.close('view shares its memory with what it was made of', await x.data(), Array(24).fill(7), 0)

  using grid = arange(6).reshape([2, 3])
  using turned = tidy(() => grid.permute([1, 0]).reshape([6]))
  lab.close(
    'reshape counts in the order of the dimensions, so after permute it gives another',
    await turned.data(),
    [0, 3, 1, 4, 2, 5],
    0,
  )
  lab.print()
}

/** What is said when the Flatten is forgotten. */
function withoutFlatten(lab: Lab): void {
  const net = new nn.Sequential(
    ...network()
      .layers()
      .filter((layer) => !(layer instanceof nn.Flatten)),
  )
  let message = 'nothing was thrown'
  try {
    net.forward(zeros([2, 1, 28, 28])).dispose()
  } catch (error) {
    if (error instanceof Error) message = `${error.name} ${error.message}`
  }
  lab.print(`Without Flatten:\n${message.replaceAll(/: | — /g, '$&\n  ')}`)
  lab.check('the error names the layer and both shapes', /6 \(Linear\).*\[2, 32, 7, 7\].*1568/.test(message))
}

function count(net: nn.Module): number {
  return net.parameters().reduce((sum, { size }) => sum + size, 0)
}

function text(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}

function fixed(value: number): string {
  return value.toFixed(3)
}
