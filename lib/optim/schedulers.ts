// Schedules that follow a formula; each gives the numbers of its namesake in torch.optim.lr_scheduler.
import {
  type Checks,
  checkFunction,
  checkNumber,
  checkNumbers,
  checkOptions,
  listOf,
  numberThat,
  probability,
} from '../check.js'
import { ValueError } from '../errors.js'
import { type AnyOptimizer, finite, LRScheduler, positiveInteger } from './scheduler.js'

/** A factor of the rate at a step. */
export type Factor = (epoch: number) => number

function factorsOf(scheduler: string, lrLambda: Factor | readonly Factor[], groups: number): readonly Factor[] {
  const functions =
    typeof lrLambda === 'function'
      ? new Array<Factor>(groups).fill(lrLambda)
      : (listOf(scheduler, 'lrLambda', lrLambda, 'functions', checkFunction) as Factor[])
  if (functions.length !== groups) {
    throw new ValueError(`${scheduler}: got ${functions.length} functions, expected one or ${groups}`)
  }
  return functions
}

/**
 * The base rate times fn(step). `lrLambda` is one function for all groups, or one for each.
 * @throws ValueError if there is neither one function nor one for each group.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LambdaLR.html
 * @example const scheduler = new optim.LambdaLR(optimizer, (epoch) => 0.95 ** epoch)
 */
export class LambdaLR extends LRScheduler {
  readonly #functions: readonly Factor[]

  /** `lrLambda`: one function, or one for each group. */
  constructor(optimizer: AnyOptimizer, lrLambda: Factor | readonly Factor[]) {
    super(optimizer)
    this.#functions = factorsOf('LambdaLR', lrLambda, optimizer.paramGroups.length)
    this.begin()
  }

  override step(): void {
    this.lastEpoch++
    this.#write()
  }
  override begin(): void {
    this.lastEpoch = 0
    this.#write()
  }
  override restart(): void {
    this.begin()
  }
  #write(): void {
    this.write((_group, base, i) => base * this.#functions[i]!(this.lastEpoch))
  }
  protected override next(lr: number): number {
    return lr
  }
}

/** Options of {@link StepLR} and {@link MultiStepLR}. */
export interface GammaOptions {
  /** What the rate is multiplied by. Default 0.1. */
  gamma?: number
}

const gammaChecks: Checks<GammaOptions> = { gamma: checkNumber }

/**
 * Multiplies the rate by gamma (default 0.1) every `stepSize` steps.
 * @throws ValueError if stepSize is not a positive integer, or gamma is not finite.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html
 * @example const scheduler = new optim.StepLR(optimizer, 30, { gamma: 0.1 })
 */
export class StepLR extends LRScheduler {
  /** Steps between two changes. */
  readonly stepSize: number
  /** What the rate is multiplied by. */
  readonly gamma: number

  constructor(optimizer: AnyOptimizer, stepSize: number, options: GammaOptions = {}) {
    super(optimizer)
    const { gamma = 0.1 } = checkOptions('StepLR', options, gammaChecks)
    this.stepSize = positiveInteger('StepLR', 'stepSize', stepSize)
    this.gamma = finite('StepLR', 'gamma', gamma)
    this.begin()
  }

  protected override next(lr: number): number {
    return this.lastEpoch % this.stepSize === 0 ? lr * this.gamma : lr
  }
}

/**
 * Multiplies the rate by gamma (default 0.1) at each milestone. A milestone of 0 changes the first rate; one that is listed twice counts twice.
 * @throws ValueError if a milestone or gamma is not finite.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiStepLR.html
 * @example const scheduler = new optim.MultiStepLR(optimizer, [30, 80])
 */
export class MultiStepLR extends LRScheduler {
  /** The steps at which the rate changes. */
  readonly milestones: readonly number[]
  /** What the rate is multiplied by. */
  readonly gamma: number

  constructor(optimizer: AnyOptimizer, milestones: readonly number[], options: GammaOptions = {}) {
    super(optimizer)
    const { gamma = 0.1 } = checkOptions('MultiStepLR', options, gammaChecks)
    checkNumbers('MultiStepLR', 'milestones', milestones)
    this.milestones = milestones.map((milestone) => finite('MultiStepLR', 'milestones', milestone))
    this.gamma = finite('MultiStepLR', 'gamma', gamma)
    this.begin()
  }

  protected override first(lr: number): number {
    return this.next(lr)
  }
  protected override next(lr: number): number {
    return lr * this.gamma ** this.milestones.filter((milestone) => milestone === this.lastEpoch).length
  }
  protected override restarted(base: number): number {
    return base * this.gamma ** this.milestones.filter((milestone) => milestone <= 0).length
  }
}

/**
 * Multiplies the rate by gamma at every step.
 * @throws ValueError if gamma is not finite.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ExponentialLR.html
 * @example const scheduler = new optim.ExponentialLR(optimizer, 0.95)
 */
export class ExponentialLR extends LRScheduler {
  /** What the rate is multiplied by. */
  readonly gamma: number

  constructor(optimizer: AnyOptimizer, gamma: number) {
    super(optimizer)
    this.gamma = finite('ExponentialLR', 'gamma', gamma)
    this.begin()
  }

  protected override next(lr: number): number {
    return lr * this.gamma
  }
}

/** Options of {@link LinearLR}. */
export interface LinearLROptions {
  /** Factor of the rate at step 0, in (0, 1]. Default 1/3. */
  startFactor?: number
  /** Factor of the rate from step `totalIters` on, in [0, 1]. Default 1. */
  endFactor?: number
  /** Steps from the first factor to the last. Default 5. */
  totalIters?: number
}

const linearChecks: Checks<LinearLROptions> = {
  startFactor: numberThat('a number in (0, 1]', (value) => value > 0 && value <= 1),
  endFactor: probability,
  totalIters: checkNumber,
}

/**
 * A warm-up: the rate times a factor that goes linearly from startFactor (default 1/3) to endFactor (default 1) in totalIters (default 5) steps.
 * @throws ValueError if a factor is out of range, or totalIters is not a positive integer.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html
 * @example const scheduler = new optim.LinearLR(optimizer, { startFactor: 0.01, totalIters: 500 })
 */
export class LinearLR extends LRScheduler {
  /** Factor of the rate at step 0. */
  readonly startFactor: number
  /** Factor of the rate from step `totalIters` on. */
  readonly endFactor: number
  /** Steps from the first factor to the last. */
  readonly totalIters: number

  constructor(optimizer: AnyOptimizer, options: LinearLROptions = {}) {
    super(optimizer)
    const { startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = checkOptions('LinearLR', options, linearChecks)
    this.startFactor = startFactor
    this.endFactor = endFactor
    this.totalIters = positiveInteger('LinearLR', 'totalIters', totalIters)
    this.begin()
  }

  protected override first(lr: number): number {
    return lr * this.startFactor
  }
  protected override next(lr: number): number {
    if (this.lastEpoch > this.totalIters) return lr
    const rise = this.endFactor - this.startFactor
    // The quotient of two neighbouring factors.
    return lr * (1 + rise / (this.totalIters * this.startFactor + (this.lastEpoch - 1) * rise))
  }
}

/**
 * Lowers the rate to etaMin (default 0) along half a cosine of tMax steps, and raises it again after that.
 * @throws ValueError if tMax is not a positive integer, or etaMin is not finite.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html
 * @see https://arxiv.org/abs/1608.03983
 * @example const scheduler = new optim.CosineAnnealingLR(optimizer, 90)
 */
export class CosineAnnealingLR extends LRScheduler {
  /** Steps from the highest rate to the lowest. */
  readonly tMax: number
  /** The lowest rate. */
  readonly etaMin: number

  constructor(optimizer: AnyOptimizer, tMax: number, options: { etaMin?: number } = {}) {
    super(optimizer)
    const { etaMin = 0 } = checkOptions('CosineAnnealingLR', options, { etaMin: checkNumber })
    this.tMax = positiveInteger('CosineAnnealingLR', 'tMax', tMax)
    this.etaMin = finite('CosineAnnealingLR', 'etaMin', etaMin)
    this.begin()
  }

  protected override next(lr: number, base: number): number {
    const { lastEpoch, tMax, etaMin } = this
    // At the bottom of the curve the rate before says nothing of the amplitude.
    if ((lastEpoch - 1 - tMax) % (2 * tMax) === 0) return lr + ((base - etaMin) * (1 - Math.cos(Math.PI / tMax))) / 2
    const height = (epoch: number) => 1 + Math.cos((Math.PI * epoch) / tMax)
    return (height(lastEpoch) / height(lastEpoch - 1)) * (lr - etaMin) + etaMin
  }
}

/**
 * Multiplies the rate by fn(step) at every step. `lrLambda` is one function for all groups, or one for each.
 * @throws ValueError if there is neither one function nor one for each group.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiplicativeLR.html
 * @example const scheduler = new optim.MultiplicativeLR(optimizer, (epoch) => (epoch < 10 ? 0.95 : 1))
 */
export class MultiplicativeLR extends LRScheduler {
  readonly #functions: readonly Factor[]

  /** `lrLambda`: one function, or one for each group. */
  constructor(optimizer: AnyOptimizer, lrLambda: Factor | readonly Factor[]) {
    super(optimizer)
    this.#functions = factorsOf('MultiplicativeLR', lrLambda, optimizer.paramGroups.length)
    this.begin()
  }

  override step(): void {
    this.lastEpoch++
    this.write(({ lr }, _base, i) => lr * this.#functions[i]!(this.lastEpoch))
  }
  protected override next(lr: number): number {
    return lr
  }
}

/** Options of {@link ConstantLR}. */
export interface ConstantLROptions {
  /** Factor of the rate before step `totalIters`, in (0, 1]. Default 1/3. */
  factor?: number
  /** The step from which the rate is whole. Default 5. */
  totalIters?: number
}

const constantChecks: Checks<ConstantLROptions> = {
  factor: numberThat('a number in (0, 1]', (value) => value > 0 && value <= 1),
  totalIters: checkNumber,
}

/**
 * The rate times a factor (default 1/3) for the first totalIters (default 5) steps, then the whole rate.
 * @throws ValueError if factor is out of range, or totalIters is not a positive integer.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ConstantLR.html
 * @example const scheduler = new optim.ConstantLR(optimizer, { factor: 0.1, totalIters: 500 })
 */
export class ConstantLR extends LRScheduler {
  /** Factor of the rate before step `totalIters`. */
  readonly factor: number
  /** The step from which the rate is whole. */
  readonly totalIters: number

  constructor(optimizer: AnyOptimizer, options: ConstantLROptions = {}) {
    super(optimizer)
    const { factor = 1 / 3, totalIters = 5 } = checkOptions('ConstantLR', options, constantChecks)
    this.factor = factor
    this.totalIters = positiveInteger('ConstantLR', 'totalIters', totalIters)
    this.begin()
  }

  protected override first(lr: number): number {
    return lr * this.factor
  }
  protected override next(lr: number): number {
    return this.lastEpoch === this.totalIters ? lr * (1 / this.factor) : lr
  }
}

/** Options of {@link PolynomialLR}. */
export interface PolynomialLROptions {
  /** Steps from the whole rate to 0. Default 5. */
  totalIters?: number
  /** Exponent of what is left of the steps. Default 1. */
  power?: number
}

/**
 * The rate times (1 − step / totalIters)^power, and 0 from step totalIters on.
 * @throws ValueError if totalIters is not a positive integer, or power is not finite.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.PolynomialLR.html
 * @example const scheduler = new optim.PolynomialLR(optimizer, { totalIters: 90, power: 0.9 })
 */
export class PolynomialLR extends LRScheduler {
  /** Steps from the whole rate to 0. */
  readonly totalIters: number
  /** Exponent of what is left of the steps. */
  readonly power: number

  constructor(optimizer: AnyOptimizer, options: PolynomialLROptions = {}) {
    super(optimizer)
    const checks = { totalIters: checkNumber, power: checkNumber }
    const { totalIters = 5, power = 1 } = checkOptions('PolynomialLR', options, checks)
    this.totalIters = positiveInteger('PolynomialLR', 'totalIters', totalIters)
    this.power = finite('PolynomialLR', 'power', power)
    this.begin()
  }

  protected override next(lr: number): number {
    const { lastEpoch, totalIters, power } = this
    if (lastEpoch > totalIters) return lr
    return lr * ((1 - lastEpoch / totalIters) / (1 - (lastEpoch - 1) / totalIters)) ** power
  }
}

/** Options of {@link CosineAnnealingWarmRestarts}. */
export interface WarmRestartsOptions {
  /** Each cycle is so many times as long as the one before; a positive integer. Default 1. */
  tMult?: number
  /** The lowest rate. Default 0. */
  etaMin?: number
}

/**
 * Lowers the rate from the base rate to etaMin (default 0) along half a cosine of t0 steps, then starts again, for tMult times as many steps.
 * @throws ValueError if t0 or tMult is not a positive integer, or etaMin is not finite.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html
 * @see https://arxiv.org/abs/1608.03983
 * @example const scheduler = new optim.CosineAnnealingWarmRestarts(optimizer, 10, { tMult: 2 })
 */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  /** Steps of the first cycle. */
  readonly t0: number
  /** Each cycle is so many times as long as the one before. */
  readonly tMult: number
  /** The lowest rate. */
  readonly etaMin: number

  constructor(optimizer: AnyOptimizer, t0: number, options: WarmRestartsOptions = {}) {
    super(optimizer)
    const checks = { tMult: checkNumber, etaMin: checkNumber }
    const { tMult = 1, etaMin = 0 } = checkOptions('CosineAnnealingWarmRestarts', options, checks)
    this.t0 = positiveInteger('CosineAnnealingWarmRestarts', 't0', t0)
    this.tMult = positiveInteger('CosineAnnealingWarmRestarts', 'tMult', tMult)
    this.etaMin = finite('CosineAnnealingWarmRestarts', 'etaMin', etaMin)
    this.begin()
  }

  protected override next(_lr: number, base: number): number {
    let [length, step] = [this.t0, this.lastEpoch]
    if (this.tMult === 1) step %= length
    while (step >= length) [length, step] = [length * this.tMult, step - length]
    return this.etaMin + ((base - this.etaMin) * (1 + Math.cos((Math.PI * step) / length))) / 2
  }
}
