// Initial values: functions that overwrite a tensor in place, with the distributions of torch.nn.init.

import {
  among,
  atLeastZero,
  type Checks,
  checkFinite,
  checkNumber,
  checkNumbers,
  checkOptions,
  textOf,
} from '../check.js'
import { full, rand, randn } from '../creation.js'
import { ValueError } from '../errors.js'
import { checkTensor } from '../functional/arguments.js'
import { noGrad, type Tensor } from '../tensor.js'
import { tidy } from '../tidy.js'

export type Nonlinearity =
  | 'linear'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'convTranspose1d'
  | 'convTranspose2d'
  | 'convTranspose3d'
  | 'sigmoid'
  | 'tanh'
  | 'relu'
  | 'leakyRelu'
  | 'selu'

export interface KaimingOptions {
  /** Negative slope of the leaky ReLU that follows. Default 0. */
  a?: number
  /** Whether the size of values is kept forward (`'fanIn'`) or that of gradients backward (`'fanOut'`). Default `'fanIn'`. */
  mode?: 'fanIn' | 'fanOut'
  /** What follows. Default `'leakyRelu'`. */
  nonlinearity?: Nonlinearity
}

const nonlinearities = [
  'linear',
  'conv1d',
  'conv2d',
  'conv3d',
  'convTranspose1d',
  'convTranspose2d',
  'convTranspose3d',
  'sigmoid',
  'tanh',
  'relu',
  'leakyRelu',
  'selu',
] as const satisfies Nonlinearity[]

const kaimingChecks: Checks<KaimingOptions> = {
  a: checkNumber,
  mode: among('fanIn', 'fanOut'),
  nonlinearity: among(...nonlinearities),
}

export interface XavierOptions {
  /** Default 1. */
  gain?: number
}

const xavierChecks: Checks<XavierOptions> = { gain: checkFinite }

/** Half precision is drawn as float32. */
function drawType(tensor: Tensor): { device: Tensor['device']; dtype: 'float32' | 'float64' } {
  return { device: tensor.device, dtype: tensor.dtype === 'float64' ? 'float64' : 'float32' }
}

function overwrite<T extends Tensor>(op: string, tensor: T, values: () => Tensor): T {
  checkTensor(op, 'tensor', tensor)
  return noGrad(() =>
    tidy(() => {
      tensor.copy_(values())
      return tensor
    }),
  )
}

/**
 * Fills a tensor of any shape with numbers drawn uniformly from [low, high) and returns it. Defaults: low 0, high 1.
 * @throws ValueError if a bound is not a finite number, or the tensor is none.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.uniform_
 * @example nn.init.uniform_(layer.weight, -0.1, 0.1)
 */
export function uniform_<T extends Tensor>(tensor: T, low = 0, high = 1): T {
  return overwrite('uniform_', tensor, () => rand(tensor.shape, { ...drawType(tensor), low, high }))
}

/**
 * Fills a tensor of any shape with normal numbers and returns it. Defaults: mean 0, std 1.
 * @throws ValueError if mean or std is not a number, or the tensor is none.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.normal_
 * @example nn.init.normal_(layer.weight, 0, 0.02)
 */
export function normal_<T extends Tensor>(tensor: T, mean = 0, std = 1): T {
  return overwrite('normal_', tensor, () => randn(tensor.shape, { ...drawType(tensor), mean, std }))
}

/**
 * Fills a tensor of any shape with one value and returns it.
 * @throws ValueError if the value is not a number, or the tensor is none.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.constant_
 * @example nn.init.constant_(layer.weight, 0.1)
 */
export function constant_<T extends Tensor>(tensor: T, value: number): T {
  checkTensor('init', 'tensor', tensor)
  return noGrad(() => tensor.fill_(value))
}

/**
 * Fills a tensor of any shape with 0 and returns it.
 * @throws ValueError if the tensor is none.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.zeros_
 * @example nn.init.zeros_(layer.weight)
 */
export function zeros_<T extends Tensor>(tensor: T): T {
  return constant_(tensor, 0)
}

/**
 * Fills a tensor of any shape with 1 and returns it.
 * @throws ValueError if the tensor is none.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.ones_
 * @example nn.init.ones_(layer.weight)
 */
export function ones_<T extends Tensor>(tensor: T): T {
  return constant_(tensor, 1)
}

/**
 * The factor by which a non-linearity changes the size of values; `param` is the slope of a leaky ReLU (default 0.01).
 * @throws ValueError for a name that is not known.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.calculate_gain
 * @example nn.init.calculateGain('relu') // √2
 */
export function calculateGain(nonlinearity: Nonlinearity, param = 0.01): number {
  checkFinite('calculateGain', 'param', param)
  if (nonlinearity === 'relu') return Math.SQRT2
  if (nonlinearity === 'leakyRelu') return Math.sqrt(2 / (1 + param ** 2))
  if (nonlinearity === 'tanh') return 5 / 3
  if (nonlinearity === 'selu') return 3 / 4
  if (nonlinearity === 'linear' || nonlinearity === 'sigmoid' || nonlinearities.includes(nonlinearity)) return 1
  const came: unknown = nonlinearity
  throw new ValueError(
    `calculateGain: nonlinearity is ${typeof came === 'string' ? `'${came}'` : textOf(came)}, expected one of ${nonlinearities.join(', ')}`,
  )
}

/**
 * How many inputs an output of a weight has, and how many outputs an input: of a shape [out, in, …kernel] in·kernel and out·kernel.
 * @throws ValueError for fewer than two dimensions.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html
 * @example nn.init.fanInAndFanOut([8, 3, 5, 5]) // { fanIn: 75, fanOut: 200 }
 */
export function fanInAndFanOut(shape: readonly number[]): { fanIn: number; fanOut: number } {
  checkNumbers('init', 'shape', shape)
  const [out, input, ...kernel] = shape
  if (out === undefined || input === undefined) {
    throw new ValueError(`init: the tensor is [${shape.join(', ')}], expected at least two dimensions`)
  }
  const window = kernel.reduce((product, size) => product * size, 1)
  return { fanIn: input * window, fanOut: out * window }
}

function xavierStd(op: string, tensor: Tensor, options: XavierOptions): number {
  checkTensor(op, 'tensor', tensor)
  const { gain = 1 } = checkOptions(op, options, xavierChecks)
  const { fanIn, fanOut } = fanInAndFanOut(tensor.shape)
  return gain * Math.sqrt(2 / (fanIn + fanOut))
}

/**
 * Fills a weight [out, in, …] with numbers drawn uniformly from [−b, b), b = gain·√(6 / (fanIn + fanOut)), and returns it. Default:
 * gain 1.
 * @throws ValueError for fewer than two dimensions, or an unknown option.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.xavier_uniform_
 * @see Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks (2010)
 * @example nn.init.xavierUniform_(layer.weight)
 */
export function xavierUniform_<T extends Tensor>(tensor: T, options: XavierOptions = {}): T {
  const bound = Math.sqrt(3) * xavierStd('xavierUniform_', tensor, options)
  return uniform_(tensor, -bound, bound)
}

/**
 * Fills a weight [out, in, …] with normal numbers of standard deviation gain·√(2 / (fanIn + fanOut)) and returns it. Default: gain 1.
 * @throws ValueError for fewer than two dimensions, or an unknown option.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.xavier_normal_
 * @example nn.init.xavierNormal_(layer.weight)
 */
export function xavierNormal_<T extends Tensor>(tensor: T, options: XavierOptions = {}): T {
  return normal_(tensor, 0, xavierStd('xavierNormal_', tensor, options))
}

function kaimingStd(op: string, tensor: Tensor, options: KaimingOptions): number {
  checkTensor(op, 'tensor', tensor)
  const { a = 0, mode = 'fanIn', nonlinearity = 'leakyRelu' } = checkOptions(op, options, kaimingChecks)
  return calculateGain(nonlinearity, a) / Math.sqrt(fanInAndFanOut(tensor.shape)[mode])
}

/**
 * Fills a weight [out, in, …] with numbers drawn uniformly from [−b, b), b = gain·√(3 / fan), where the gain is that of the
 * non-linearity, and returns it. Defaults: a 0, mode 'fanIn', nonlinearity 'leakyRelu'.
 * @throws ValueError for fewer than two dimensions, or an unknown option.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_uniform_
 * @see https://arxiv.org/abs/1502.01852
 * @example nn.init.kaimingUniform_(layer.weight, { nonlinearity: 'relu' })
 */
export function kaimingUniform_<T extends Tensor>(tensor: T, options: KaimingOptions = {}): T {
  const bound = Math.sqrt(3) * kaimingStd('kaimingUniform_', tensor, options)
  return uniform_(tensor, -bound, bound)
}

/**
 * Fills a weight [out, in, …] with normal numbers of standard deviation gain / √fan, where the gain is that of the non-linearity, and
 * returns it. Defaults: a 0, mode 'fanIn', nonlinearity 'leakyRelu'.
 * @throws ValueError for fewer than two dimensions, or an unknown option.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_normal_
 * @see https://arxiv.org/abs/1502.01852
 * @example nn.init.kaimingNormal_(layer.weight, { mode: 'fanOut', nonlinearity: 'relu' })
 */
export function kaimingNormal_<T extends Tensor>(tensor: T, options: KaimingOptions = {}): T {
  return normal_(tensor, 0, kaimingStd('kaimingNormal_', tensor, options))
}

/** The x with erf(x) = y, within (−1, 1): Winitzki's approximation, and two of Newton's steps. */
function inverseErf(y: Tensor): Tensor {
  const factor = 0.147
  const log = y.square().neg().log1p()
  const middle = log.mul(0.5).add(2 / (Math.PI * factor))
  let x = middle.square().sub(log.div(factor)).sqrt().sub(middle).clamp({ min: 0 }).sqrt().mul(y.sign())
  for (let step = 0; step < 2; step++) {
    const slope = x
      .square()
      .neg()
      .exp()
      .mul(2 / Math.sqrt(Math.PI))
    x = x.sub(x.erf().sub(y).div(slope))
  }
  return x
}

/**
 * Fills a tensor with normal numbers cut to [a, b], drawn by the inverse of the cumulative distribution, and returns it. Defaults:
 * mean 0, std 1, a −2, b 2.
 * @throws ValueError if a is not below b, or if [a, b] lies more than five deviations from the mean.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.trunc_normal_
 * @example nn.init.truncNormal_(layer.weight, 0, 0.02)
 */
export function truncNormal_<T extends Tensor>(tensor: T, mean = 0, std = 1, a = -2, b = 2): T {
  for (const [name, value] of Object.entries({ mean, a, b })) checkNumber('truncNormal_', name, value)
  atLeastZero('truncNormal_', 'std', std)
  if (!(a < b)) throw new ValueError(`truncNormal_: [${a}, ${b}] is empty`)
  const [from, to] = [(a - mean) / std, (b - mean) / std]
  if (!(std > 0 && from < 5 && to > -5)) {
    throw new ValueError(`truncNormal_: hardly a number of mean ${mean} and deviation ${std} lies in [${a}, ${b}]`)
  }
  return overwrite('truncNormal_', tensor, () => {
    const options = drawType(tensor)
    const [low, high] = [full([], from / Math.SQRT2, options).erf(), full([], to / Math.SQRT2, options).erf()]
    const most = 1 - (options.dtype === 'float64' ? 2 ** -52 : 2 ** -23)
    const area = rand(tensor.shape, options).mul(high.sub(low)).add(low).clamp({ min: -most, max: most })
    return inverseErf(area)
      .mul(std * Math.SQRT2)
      .add(mean)
      .clamp({ min: a, max: b })
  })
}
