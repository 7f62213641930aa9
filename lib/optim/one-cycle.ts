// The one-cycle policy: the rate goes up and down once in a training, the momentum the other way.
import {
  among,
  type Checks,
  checkBoolean,
  checkNumber,
  checkOptions,
  checkSizeOrSizes,
  numberThat,
  probability,
} from '../check.js'
import { ValueError } from '../errors.js'
import { type MomentumOption, momentumOf, type PerGroup, perGroup } from './per-group.js'
import { type AnyOptimizer, checkOptimizer, LRScheduler, positiveInteger, type SchedulerState } from './scheduler.js'

/** Options of {@link OneCycleLR}. */
export interface OneCycleLROptions {
  /** Steps of the whole cycle. Default: epochs · stepsPerEpoch. */
  totalSteps?: number
  /** Epochs of the cycle, if totalSteps is not given. */
  epochs?: number
  /** Batches in an epoch, if totalSteps is not given. */
  stepsPerEpoch?: number
  /**
   * The part of the cycle, in [0, 1], in which the rate rises. A warm-up of one step is that step at the first rate. Default 0.3.
   */
  pctStart?: number
  /** The form of the slopes. Default 'cos'. */
  annealStrategy?: 'cos' | 'linear'
  /** Whether momentum (or Adam's first beta) moves against the rate. Default true. */
  cycleMomentum?: boolean
  /** Momentum where the rate is highest. Default 0.85. */
  baseMomentum?: PerGroup
  /** Momentum where the rate is lowest. Default 0.95. */
  maxMomentum?: PerGroup
  /** The first rate is maxLr / divFactor. Default 25. */
  divFactor?: number
  /** The last rate is the first / finalDivFactor. Default 1e4. */
  finalDivFactor?: number
  /** Whether the rate falls back to the first one as fast as it rose, then to the last one. Default false. */
  threePhase?: boolean
}

const positive = numberThat('a positive, finite number', (value) => value > 0 && value < Infinity)

const oneCycleChecks: Checks<OneCycleLROptions> = {
  totalSteps: checkNumber,
  epochs: checkNumber,
  stepsPerEpoch: checkNumber,
  pctStart: probability,
  annealStrategy: among('cos', 'linear'),
  cycleMomentum: checkBoolean,
  baseMomentum: checkSizeOrSizes,
  maxMomentum: checkSizeOrSizes,
  divFactor: positive,
  finalDivFactor: positive,
  threePhase: checkBoolean,
}

interface Ends {
  readonly lr: { readonly first: number; readonly max: number; readonly min: number }
  readonly momentum: { readonly base: number; readonly max: number }
}

interface Phase {
  /** The last step of the phase; may be a fraction. */
  readonly end: number
  readonly lr: readonly [from: keyof Ends['lr'], to: keyof Ends['lr']]
  readonly momentum: readonly [from: keyof Ends['momentum'], to: keyof Ends['momentum']]
}

/** How far a step is through a phase: 0 at its start, 1 at its end. A phase without length is at 0 in its own step and at 1 after it. */
function partOf(step: number, start: number, end: number): number {
  if (end === start) return step > end ? 1 : 0
  return (step - start) / (end - start)
}

/**
 * The one-cycle policy: from maxLr / divFactor up to maxLr and down to nearly 0, one step a batch. `maxLr` is one number, or one for each group.
 * @throws ValueError if the number of steps is not given, an option is out of range, or `step()` is called more often than that.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html
 * @see https://arxiv.org/abs/1708.07120
 * @example const scheduler = new optim.OneCycleLR(optimizer, 0.1, { epochs: 10, stepsPerEpoch: loader.length })
 */
export class OneCycleLR extends LRScheduler {
  /** Steps of the whole cycle. */
  readonly totalSteps: number
  readonly #phases: readonly Phase[]
  readonly #ends: readonly Ends[]
  readonly #isLinear: boolean
  readonly #momentum: MomentumOption | undefined

  constructor(optimizer: AnyOptimizer, maxLr: PerGroup, options: OneCycleLROptions) {
    checkOptimizer(new.target.name, optimizer)
    checkOptions(new.target.name, options, oneCycleChecks)
    const { totalSteps, epochs, stepsPerEpoch, pctStart = 0.3, annealStrategy = 'cos', cycleMomentum = true } = options
    const {
      baseMomentum = 0.85,
      maxMomentum = 0.95,
      divFactor = 25,
      finalDivFactor = 1e4,
      threePhase = false,
    } = options
    if (totalSteps === undefined && (epochs === undefined || stepsPerEpoch === undefined)) {
      throw new ValueError('OneCycleLR: expected totalSteps, or epochs and stepsPerEpoch')
    }
    const { length } = optimizer.paramGroups
    const maxima = perGroup('OneCycleLR', 'maxLr', maxLr, length)
    for (const [i, group] of optimizer.paramGroups.entries()) group.initialLr = maxima[i]! / divFactor
    super(optimizer)
    this.totalSteps =
      totalSteps === undefined
        ? positiveInteger('OneCycleLR', 'epochs', epochs!) *
          positiveInteger('OneCycleLR', 'stepsPerEpoch', stepsPerEpoch!)
        : positiveInteger('OneCycleLR', 'totalSteps', totalSteps)
    this.#isLinear = annealStrategy === 'linear'
    const rise = pctStart * this.totalSteps - 1
    const up = { end: rise, lr: ['first', 'max'], momentum: ['max', 'base'] } as const
    const end = this.totalSteps - 1
    this.#phases = threePhase
      ? [
          up,
          { end: 2 * pctStart * this.totalSteps - 2, lr: ['max', 'first'], momentum: ['base', 'max'] },
          { end, lr: ['first', 'min'], momentum: ['max', 'max'] },
        ]
      : [up, { end, lr: ['max', 'min'], momentum: ['base', 'max'] }]
    this.#momentum = cycleMomentum ? momentumOf('OneCycleLR', optimizer) : undefined
    const bases = perGroup('OneCycleLR', 'baseMomentum', baseMomentum, length)
    const tops = perGroup('OneCycleLR', 'maxMomentum', maxMomentum, length)
    this.#ends = this.baseLrs.map((first, i) => ({
      lr: { first, max: maxima[i]!, min: first / finalDivFactor },
      momentum: { base: bases[i]!, max: tops[i]! },
    }))
    this.begin()
  }

  override step(): void {
    if (this.lastEpoch + 1 > this.totalSteps) {
      throw new ValueError(`OneCycleLR: this is step ${this.lastEpoch + 1} of ${this.totalSteps}`)
    }
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
  protected override next(lr: number): number {
    return lr
  }
  override checkStateDict(state: SchedulerState): void {
    super.checkStateDict(state)
    if ((state.lastEpoch as number) > this.totalSteps) {
      throw new ValueError(`OneCycleLR: the state is of step ${state.lastEpoch}, expected at most ${this.totalSteps}`)
    }
  }

  #write(): void {
    const last = this.#phases.length - 1
    const at = this.#phases.findIndex(({ end }, i) => this.lastEpoch <= end || i === last)
    const phase = this.#phases[at]!
    const start = this.#phases[at - 1]?.end ?? 0
    const part = partOf(this.lastEpoch, start, phase.end)
    this.write((group, _base, i) => {
      const { lr, momentum } = this.#ends[i]!
      this.#momentum?.(group, this.#between(momentum[phase.momentum[0]], momentum[phase.momentum[1]], part))
      return this.#between(lr[phase.lr[0]], lr[phase.lr[1]], part)
    })
  }

  #between(from: number, to: number, part: number): number {
    return this.#isLinear ? (to - from) * part + from : to + ((from - to) / 2) * (Math.cos(Math.PI * part) + 1)
  }
}
