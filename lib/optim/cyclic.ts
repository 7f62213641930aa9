// A schedule that goes up and down between two rates, again and again.
import {
  among,
  type Checks,
  checkBoolean,
  checkFunction,
  checkNumber,
  checkOptions,
  checkSizeOrSizes,
} from '../check.js'
import { type MomentumOption, momentumOf, type PerGroup, perGroup } from './per-group.js'
import { type AnyOptimizer, checkOptimizer, finite, LRScheduler, positiveInteger } from './scheduler.js'

/** Options of {@link CyclicLR}. */
export interface CyclicLROptions {
  /** Steps from the lower rate to the upper one. Default 2000. */
  stepSizeUp?: number
  /** Steps back. Default: as many as up. */
  stepSizeDown?: number
  /** How the height changes: not at all, halved at each cycle, or times gamma at each step. Default 'triangular'. */
  mode?: 'triangular' | 'triangular2' | 'exp_range'
  /** Factor of 'exp_range' a step. Default 1. */
  gamma?: number
  /** A height of your own, as a factor of the cycle (from 1) or the step (from 0); `mode` is not looked at then. */
  scaleFn?: (count: number) => number
  /** What scaleFn gets. Default 'cycle'. */
  scaleMode?: 'cycle' | 'iterations'
  /** Whether momentum (or Adam's first beta) moves against the rate. Default true. */
  cycleMomentum?: boolean
  /** The lowest momentum. Default 0.8. */
  baseMomentum?: PerGroup
  /** The highest momentum. Default 0.9. */
  maxMomentum?: PerGroup
}

const checks: Checks<CyclicLROptions> = {
  stepSizeUp: checkNumber,
  stepSizeDown: checkNumber,
  mode: among('triangular', 'triangular2', 'exp_range'),
  gamma: checkNumber,
  scaleFn: checkFunction,
  scaleMode: among('cycle', 'iterations'),
  cycleMomentum: checkBoolean,
  baseMomentum: checkSizeOrSizes,
  maxMomentum: checkSizeOrSizes,
}

/**
 * Cycles between a lower and an upper rate, one step a batch. `baseLr` and `maxLr` are one number, or one for each group.
 * @throws ValueError if an option is out of range, or the optimizer has no momentum to cycle.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CyclicLR.html
 * @see https://arxiv.org/abs/1506.01186
 * @example const scheduler = new optim.CyclicLR(optimizer, 1e-3, 0.1, { stepSizeUp: 500, mode: 'triangular2' })
 */
export class CyclicLR extends LRScheduler {
  readonly #up: number
  readonly #total: number
  readonly #maxLrs: readonly number[]
  readonly #scale: (cycle: number, step: number) => number
  readonly #momentum: MomentumOption | undefined
  readonly #momenta: readonly { readonly base: number; readonly max: number }[]

  constructor(optimizer: AnyOptimizer, baseLr: PerGroup, maxLr: PerGroup, options: CyclicLROptions = {}) {
    checkOptimizer(new.target.name, optimizer)
    checkOptions(new.target.name, options, checks)
    const { stepSizeUp = 2000, stepSizeDown = stepSizeUp, mode = 'triangular', gamma = 1, scaleFn } = options
    const { scaleMode = 'cycle', cycleMomentum = true, baseMomentum = 0.8, maxMomentum = 0.9 } = options
    const { length } = optimizer.paramGroups
    const bases = perGroup('CyclicLR', 'baseLr', baseLr, length)
    for (const [i, group] of optimizer.paramGroups.entries()) group.initialLr = bases[i]!
    super(optimizer)
    this.#up = positiveInteger('CyclicLR', 'stepSizeUp', stepSizeUp)
    this.#total = this.#up + positiveInteger('CyclicLR', 'stepSizeDown', stepSizeDown)
    this.#maxLrs = perGroup('CyclicLR', 'maxLr', maxLr, length)
    finite('CyclicLR', 'gamma', gamma)
    if (scaleFn) this.#scale = (cycle, step) => scaleFn(scaleMode === 'cycle' ? cycle : step)
    else if (mode === 'exp_range') this.#scale = (_cycle, step) => gamma ** step
    else this.#scale = (cycle) => (mode === 'triangular' ? 1 : 0.5 ** (cycle - 1))
    this.#momentum = cycleMomentum ? momentumOf('CyclicLR', optimizer) : undefined
    const lowest = perGroup('CyclicLR', 'baseMomentum', baseMomentum, length)
    const highest = perGroup('CyclicLR', 'maxMomentum', maxMomentum, length)
    this.#momenta = lowest.map((base, i) => ({ base, max: highest[i]! }))
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
  protected override next(lr: number): number {
    return lr
  }

  #write(): void {
    const cycle = Math.floor(1 + this.lastEpoch / this.#total)
    const place = this.lastEpoch - (cycle - 1) * this.#total
    const height = place <= this.#up ? place / this.#up : (this.#total - place) / (this.#total - this.#up)
    const scale = height * this.#scale(cycle, this.lastEpoch)
    this.write((group, base, i) => {
      const momentum = this.#momenta[i]!
      this.#momentum?.(group, momentum.max - (momentum.max - momentum.base) * scale)
      return base + (this.#maxLrs[i]! - base) * scale
    })
  }
}
