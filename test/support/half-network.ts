// A small network of everything that compile() fuses, in half types: how far it is from its float64 truth, eager and compiled.
import {
  autocast,
  type Compiled,
  compile,
  functional as F,
  manualSeed,
  nn,
  noGrad,
  rand,
  randn,
  type Tensor,
  tensor,
  tidy,
} from '../../lib/index.js'
import type { DeviceName } from '../../types/dtype.js'
import { relativeError } from './compare.js'
import type { HalfType } from './run-case.js'

/** float32 parameters under autocast, or a network whose parameters are half themselves. */
export type Way = 'autocast' | 'converted'

/** Distances from the float64 results, and the program, after all passes and before. */
export interface Measured {
  eager: number
  compiled: number
  program: string
  recorded: string
}

class Network extends nn.Module {
  readonly dense: nn.Conv2d
  readonly residual = new nn.Conv2d(16, 16, 3, { padding: 1, bias: false })
  readonly depthwise = new nn.Conv2d(16, 16, 3, { padding: 1, groups: 16, bias: false })
  readonly last = new nn.Conv2d(16, 8, 1, { bias: false })
  readonly norms = [16, 16, 16, 8].map((channels) => new nn.BatchNorm2d(channels))

  constructor(hasBias: boolean) {
    super()
    this.dense = new nn.Conv2d(3, 16, 3, { padding: 1, bias: hasBias })
  }

  override forward(x: Tensor): Tensor {
    const normalised = (i: number, y: Tensor) => this.norms[i]!.forward(y)
    const a = F.relu(normalised(0, this.dense.forward(x)))
    const b = F.relu(F.add(normalised(1, this.residual.forward(a)), a))
    const c = F.relu6(normalised(2, this.depthwise.forward(b)))
    return normalised(3, this.last.forward(c))
  }
}

/** The same numbers for the same seed, as after some training: scales and shifts that were learned, statistics of such images. */
function makeNetwork(seed: number, hasBias: boolean): { net: Network; x: Tensor; dy: Tensor } {
  manualSeed(seed)
  const net = new Network(hasBias).to('cpu')
  noGrad(() => {
    for (const norm of net.norms) {
      const draw = (low: number, high: number) =>
        rand(norm.weight!.shape, { device: 'cpu' })
          .mul(high - low)
          .add(low)
      norm.weight!.copy_(draw(-2, 2))
      norm.bias!.copy_(draw(-1, 1))
    }
    for (let i = 0; i < 20; i++) net.forward(randn([8, 3, 10, 9], { device: 'cpu' }))
  })
  return { net, x: randn([2, 3, 10, 9], { device: 'cpu' }), dy: randn([2, 8, 10, 9], { device: 'cpu' }) }
}

type Values = ArrayLike<number>[]

const read = (tensors: readonly Tensor[]): Values => tensors.map((each) => each.dataSync())

/** The quadratic mean of the relative errors: the parts count alike, large or small. */
function distance(made: Values, wanted: Values): number {
  if (made.length !== wanted.length) return Number.POSITIVE_INFINITY
  const squares = made.map((each, i) => relativeError(each, wanted[i]!) ** 2)
  return Math.sqrt(squares.reduce((sum, each) => sum + each, 0) / squares.length)
}

interface Case {
  net: Network
  x: Tensor
  dy: Tensor
  forward(x: Tensor): Tensor
}

/** The network in a half type on a device, and in float64 from the same numbers. */
function makeCases(
  device: DeviceName,
  half: HalfType,
  way: Way,
  seed: number,
  hasBias: boolean,
): { made: Case; truth: Case } {
  const on = (isTruth: boolean): Case => {
    const { net, x, dy } = makeNetwork(seed, hasBias)
    if (way === 'converted') net.to(half)
    net.to(isTruth ? 'reference' : device)
    if (isTruth) net.to('float64')
    const given = (each: Tensor) => {
      const rounded = way === 'converted' ? each.to(half) : each
      return isTruth ? rounded.to('reference').to('float64') : rounded.to(device)
    }
    const isCast = way === 'autocast' && !isTruth
    return {
      net,
      x: given(x),
      dy: given(dy),
      forward: (x) => (isCast ? autocast(half, () => net.forward(x)) : net.forward(x)),
    }
  }
  return { made: on(false), truth: on(true) }
}

function textOf(compiled: Compiled<never, unknown>): { program: string; recorded: string } {
  return { program: compiled.toString(), recorded: compiled.toString('recorded') }
}

/** Predictions in evaluation. */
export function measurePrediction(device: DeviceName, half: HalfType, way: Way, seed: number): Measured {
  const { made, truth } = makeCases(device, half, way, seed, true)
  for (const { net } of [made, truth]) net.eval()
  const wanted = tidy(() => noGrad(() => read([truth.forward(truth.x)])))
  const eager = tidy(() => noGrad(() => read([made.forward(made.x)])))
  const predict = compile((x: Tensor) => noGrad(() => made.forward(x)))
  const compiled = tidy(() => read([predict(made.x)]))
  const text = textOf(predict)
  predict.dispose()
  return { eager: distance(eager, wanted), compiled: distance(compiled, wanted), ...text }
}

/** The gradients of all parameters and of x, the result, and what training makes of the running statistics. */
export function measureTraining(device: DeviceName, half: HalfType, way: Way, seed: number): Measured {
  const step = ({ net, dy, forward }: Case, x: Tensor): Tensor[] => {
    net.zeroGrad()
    const leaf = x.detach().requiresGrad_()
    const y = forward(leaf)
    y.backward({ gradient: dy.to(y.dtype as 'float32') })
    const statistics = net.norms.flatMap((norm) => [norm.runningMean!, norm.runningVar!])
    return [y.detach(), leaf.grad!, ...net.parameters().map((each) => each.grad!), ...statistics]
  }
  /** A fresh network each time, since training changes it. */
  const run = (kind: 'made' | 'truth', isCompiled: boolean): { values: Values; program: string; recorded: string } => {
    const each = makeCases(device, half, way, seed, false)[kind]
    if (!isCompiled) return { values: tidy(() => read(step(each, each.x))), program: '', recorded: '' }
    const compiled = compile((x: Tensor) => step(each, x).slice(0, 2 + each.net.parameters().length))
    const results = tidy(() => read(compiled(each.x)))
    const statistics = read(each.net.norms.flatMap((norm) => [norm.runningMean!, norm.runningVar!]))
    const text = textOf(compiled)
    compiled.dispose()
    return { values: [...results, ...statistics], ...text }
  }
  const wanted = run('truth', false).values
  const { values, program, recorded } = run('made', true)
  return { eager: distance(run('made', false).values, wanted), compiled: distance(values, wanted), program, recorded }
}

/** The loss of each row of half logits, and the gradient of their mean. */
export function measureLoss(device: DeviceName, half: HalfType, seed: number): Measured {
  manualSeed(seed)
  const logits = randn([40, 11]).mul(4).to(half)
  const target = tensor(
    Int32Array.from({ length: 40 }, (_, i) => (i === 7 ? -100 : (i * seed) % 11)),
    { dtype: 'int32' },
  )
  const weight = rand([11]).add(0.5).to(half)
  const lossOf = (x: Tensor, target: Tensor, weight: Tensor): Tensor[] => {
    const leaf = x.detach().requiresGrad_()
    const rows = F.crossEntropy(leaf, target, { weight, reduction: 'none' })
    F.crossEntropy(leaf, target, { weight }).backward()
    return [rows.detach(), leaf.grad!]
  }
  const truth = [logits, weight].map((each) => each.to('reference').to('float64')) as [Tensor, Tensor]
  const wanted = tidy(() => read(lossOf(truth[0], target.to('reference'), truth[1])))
  const [x, classes, weights] = [logits.to(device), target.to(device), weight.to(device)]
  const eager = tidy(() => read(lossOf(x, classes, weights)))
  const step = compile((x: Tensor) => lossOf(x, classes, weights))
  const compiled = tidy(() => read(step(x)))
  const text = textOf(step)
  step.dispose()
  return { eager: distance(eager, wanted), compiled: distance(compiled, wanted), ...text }
}
