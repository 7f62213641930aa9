// Networks beside PyTorch's: both fill every tensor from a hash of its name, and compare logits, loss and gradients.
import type { ExecutionContext } from 'ava'
import { models, type nn, noGrad, Tensor, tensor, tidy } from '../../lib/index.js'
import { hash, word } from './generator.js'
import { goldenJson } from './golden-json.js'

/** A network that may put out auxiliary logits in training mode. */
export type Network = nn.Module<[x: Tensor], Tensor | models.GoogLeNetOutput>

/** A network, as in the rows of test/golden/models.py. */
export interface ModelRow {
  /** Of the row there, and of the file golden/models/<name>.json. */
  name: string
  /** Without dropout. */
  make: () => Network
  /**
   * Compute loss and gradients with the definition of each op in float64 as well, where far more digits must agree: for networks
   * whose kinks and normalisations of few values leave no four digits in float32 gradients, PyTorch's own either. A value within 1e-6 of
   * ReLU's kink falls on the other side on another processor, and takes some thousandths of a gradient with it.
   */
  isExact?: boolean
}

/** How many tensors a network has, and a hash of their names and shapes. */
export interface Names {
  count: number
  hash: number
}

interface Golden {
  shape: number[]
  state: Names
  logits: number[]
  loss: number
  /** By parameter: the norm of its gradient, and its sums with eight patterns of signs. */
  gradients: { [name: string]: number[] }
}

const probes = 8

/** What kinks and normalisations of few values leave of a float32 gradient: PyTorch's own differ by up to 6e-3 from its float64 ones. */
const kinkTolerance = 5e-2

function fraction(key: number, i: number): number {
  return (word(key, i) >>> 8) / 0x1000000
}

/** The values that models.py gives to a tensor of that name, exact in float32. */
function filling(name: string, shape: readonly number[]): Float32Array {
  const kind = name.slice(name.lastIndexOf('.') + 1)
  const n = shape.reduce((product, size) => product * size, 1)
  const fanIn = n / (shape[0] ?? 1)
  let [bound, centre] = [0.1, 0]
  if (shape.length > 1) bound = Math.sqrt((shape.length > 2 ? 6 : 3) / fanIn)
  else if (kind === 'weight') [bound, centre] = [0.2, 1]
  else if (kind === 'running_var') [bound, centre] = [0.3, 1]
  const key = hash(name)
  const values = new Float32Array(n)
  if (kind === 'num_batches_tracked') return values
  for (let i = 0; i < n; i++) values[i] = bound * (2 * fraction(key, i) - 1) + centre
  return values
}

function fill(net: Network): void {
  noGrad(() => {
    for (const [name, each] of Object.entries(net.stateDict())) {
      tidy(() => each.copy_(tensor(filling(name, each.shape), { shape: each.shape, device: each.device })))
    }
  })
}

/** Sums of a gradient with eight patterns of signs. */
function projections(name: string, gradient: ArrayLike<number>): number[] {
  const key = hash(`${name}/probe`)
  const sums = new Array<number>(probes).fill(0)
  for (let i = 0; i < gradient.length; i++) {
    const bits = word(key, i)
    const value = gradient[i]!
    for (let k = 0; k < probes; k++) sums[k]! += (bits >>> k) & 1 ? -value : value
  }
  return sums
}

function norm(values: readonly number[]): number {
  return Math.hypot(...values)
}

/** ‖logits − golden‖ / ‖golden‖ in evaluation mode, of the network filled anew. */
function logitsError(net: Network, x: Tensor, expected: readonly number[]): number {
  fill(net)
  const output = noGrad(() => net.eval().forward(x))
  if (!(output instanceof Tensor)) return Number.POSITIVE_INFINITY
  const logits = output.dataSync() as Float32Array
  if (logits.length !== expected.length) return Number.POSITIVE_INFINITY
  return norm(expected.map((value, i) => value - logits[i]!)) / norm(expected)
}

/** The input of models.py. */
function inputOf(shape: readonly number[]): Tensor {
  const key = hash('input')
  const size = shape.reduce((product, each) => product * each, 1)
  const values = Float32Array.from({ length: size }, (_, i) => 3.4 * fraction(key, i) - 1.7)
  return tensor(values, { shape, device: 'cpu' })
}

/** ‖Δgradient‖ / ‖gradient‖ of all parameters: the mean square of a sum with random signs is the square of the norm. */
function gradientError(net: Network, golden: Golden): { error: number; worst: string } {
  let [difference, total, most] = [0, 0, -1]
  let worst = ''
  for (const [name, parameter] of net.namedParameters()) {
    const [expectedNorm, ...expected] = golden.gradients[name] as [number, ...number[]]
    const actual = projections(name, parameter.grad!.dataSync() as Float32Array)
    const square = expected.reduce((sum, value, k) => sum + (value - actual[k]!) ** 2, 0) / probes
    difference += square
    total += expectedNorm ** 2
    const own = Math.sqrt(square) / expectedNorm
    if (own > most) [most, worst] = [own, `${name}: ${own}`]
  }
  return { error: Math.sqrt(difference / total), worst }
}

/** Logits, then in training mode loss and gradients, where `net` and `x` are. */
function compareAt(
  t: ExecutionContext,
  title: string,
  net: Network,
  x: Tensor,
  golden: Golden,
  tolerance: number,
  gradientTolerance: number,
): void {
  const logits = logitsError(net, x, golden.logits)
  t.true(logits <= tolerance, `logits differ by ${logits}`)
  const targets = Array.from({ length: golden.shape[0]! }, (_, i) => (3 * i) % 10)
  net.zeroGrad()
  // With the losses of auxiliary classifiers, where there are such.
  const loss = models.googlenetLoss(net.train().forward(x), tensor(targets, { dtype: 'int32', device: x.device }))
  const value = loss.itemSync()
  t.true(Math.abs(value - golden.loss) <= tolerance * golden.loss, `loss is ${value}, expected ${golden.loss}`)
  loss.backward()
  const names = net.namedParameters().map(([each]) => each)
  t.deepEqual(names.sort(), Object.keys(golden.gradients).sort())
  const { error, worst } = gradientError(net, golden)
  t.log(`${title}: logits ${logits.toExponential(1)}, gradients ${error.toExponential(1)}`)
  t.true(error <= gradientTolerance, `gradients differ by ${error}, most that of ${worst}`)
}

/** Compares the names and shapes of all tensors of a network. */
export function checkNames(t: ExecutionContext, net: nn.AnyModule, { count, hash: expected }: Names): void {
  const lines = Object.entries(net.stateDict()).map(([key, { shape }]) => `${key} ${shape.join(',')}`)
  t.is(lines.length, count, 'number of tensors')
  t.is(hash(lines.sort().join('\n')), expected, 'names and shapes of the tensors')
}

/** Compares a network with its golden values: names, logits, and in training mode loss and gradients. */
export function checkModel(t: ExecutionContext, { name, make, isExact = false }: ModelRow): void {
  const golden = goldenJson<Golden>(`models/${name}.json`)
  tidy(() => {
    const net = make().to('cpu')
    checkNames(t, net, golden.state)
    compareAt(t, name, net, inputOf(golden.shape), golden, 1e-4, isExact ? kinkTolerance : 1e-4)
    if (isExact) {
      net.to('reference').to('float64')
      compareAt(t, `${name} in float64`, net, inputOf(golden.shape).to('reference').to('float64'), golden, 1e-6, 1e-6)
    }
    net.dispose()
  })
}
