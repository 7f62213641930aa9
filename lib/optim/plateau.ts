// A schedule that watches a metric.
import { among, type Checks, checkNumber, checkOptions, checkSizeOrSizes, numberThat, textOf } from '../check.js'
import { ValueError } from '../errors.js'
import { type AnyOptimizer, isCount, LRScheduler, type SchedulerState } from './scheduler.js'

/** Options of {@link ReduceLROnPlateau}. */
export interface ReduceLROnPlateauOptions {
  /** Whether the metric should fall or rise. Default 'min'. */
  mode?: 'min' | 'max'
  /** What the rate is multiplied by, below 1. Default 0.1. */
  factor?: number
  /** Steps without improvement before the rate is reduced. Default 10. */
  patience?: number
  /** The least change that counts as an improvement. Default 1e-4. */
  threshold?: number
  /** Whether the threshold is a fraction of the best metric (`rel`) or a difference (`abs`). Default `rel`. */
  thresholdMode?: 'rel' | 'abs'
  /** Steps after a reduction that do not count as bad. Default 0. */
  cooldown?: number
  /** The lowest rate, one number or one for each group. Default 0. */
  minLr?: number | readonly number[]
  /** Changes of the rate that are not larger than this are not made. Default 1e-8. */
  eps?: number
}

const plateauChecks: Checks<ReduceLROnPlateauOptions> = {
  mode: among('min', 'max'),
  factor: numberThat('a number below 1', (value) => value < 1),
  patience: checkNumber,
  threshold: checkNumber,
  thresholdMode: among('rel', 'abs'),
  cooldown: checkNumber,
  minLr: checkSizeOrSizes,
  eps: checkNumber,
}

/**
 * Multiplies the rate by `factor` (default 0.1) when a metric, such as the validation loss, has not improved for `patience` (default 10) steps.
 * @throws ValueError if an option is out of range, and from `step` if it gets no number.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html
 * @example const scheduler = new optim.ReduceLROnPlateau(optimizer); scheduler.step(await loss.item())
 */
export class ReduceLROnPlateau extends LRScheduler {
  readonly #options: Required<Omit<ReduceLROnPlateauOptions, 'minLr'>>
  readonly #minLrs: readonly number[]
  /** The best metric so far; ±∞ before the first. */
  best: number
  #badEpochs = 0
  #cooldownLeft = 0

  constructor(optimizer: AnyOptimizer, options: ReduceLROnPlateauOptions = {}) {
    super(optimizer)
    checkOptions('ReduceLROnPlateau', options, plateauChecks)
    const { mode = 'min', factor = 0.1, patience = 10, threshold = 1e-4, thresholdMode = 'rel' } = options
    const { cooldown = 0, minLr = 0, eps = 1e-8 } = options
    const { length } = optimizer.paramGroups
    this.#minLrs = typeof minLr === 'number' ? new Array<number>(length).fill(minLr) : minLr
    if (this.#minLrs.length !== length) {
      throw new ValueError(`ReduceLROnPlateau: minLr has ${this.#minLrs.length} numbers, expected ${length}`)
    }
    this.#options = { mode, factor, patience, threshold, thresholdMode, cooldown, eps }
    this.best = mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
    this.begin()
  }

  /**
   * Counts the metric, and reduces the rate if it has not improved for long enough.
   * @throws ValueError if the metric is not a number.
   * @example scheduler.step(await loss.item())
   */
  override step(metric?: number): void {
    if (typeof metric !== 'number') {
      throw new ValueError(`ReduceLROnPlateau: the metric is ${textOf(metric)}, expected a number (await loss.item())`)
    }
    const { factor, patience, cooldown, eps } = this.#options
    this.lastEpoch++
    if (this.#isBetter(metric)) {
      this.best = metric
      this.#badEpochs = 0
    } else {
      this.#badEpochs++
    }
    if (this.#cooldownLeft > 0) {
      this.#cooldownLeft--
      this.#badEpochs = 0
    }
    const isReducing = this.#badEpochs > patience
    if (isReducing) {
      this.#cooldownLeft = cooldown
      this.#badEpochs = 0
    }
    this.write((group, _base, i) => {
      const lower = isReducing ? Math.max(group.lr * factor, this.#minLrs[i] ?? 0) : group.lr
      return group.lr - lower > eps ? lower : group.lr
    })
  }

  protected override next(lr: number): number {
    return lr
  }

  #isBetter(metric: number): boolean {
    const { mode, threshold, thresholdMode } = this.#options
    if (thresholdMode === 'abs') return mode === 'min' ? metric < this.best - threshold : metric > this.best + threshold
    return mode === 'min' ? metric < this.best * (1 - threshold) : metric > this.best * (1 + threshold)
  }

  override stateDict(): SchedulerState {
    // JSON has no infinity: null stands for "none yet".
    const best = Number.isFinite(this.best) ? this.best : null
    return { ...super.stateDict(), best, badEpochs: this.#badEpochs, cooldownLeft: this.#cooldownLeft }
  }
  override checkStateDict(state: SchedulerState): void {
    super.checkStateDict(state)
    const { best, badEpochs, cooldownLeft } = state
    if ((!Number.isFinite(best) && best !== null) || !isCount(badEpochs) || !isCount(cooldownLeft)) {
      throw new ValueError('ReduceLROnPlateau: the state lacks best, badEpochs or cooldownLeft')
    }
  }
  override loadStateDict(state: SchedulerState): void {
    super.loadStateDict(state)
    const best = state.best as number | null
    this.best = best ?? (this.#options.mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY)
    this.#badEpochs = state.badEpochs as number
    this.#cooldownLeft = state.cooldownLeft as number
  }
}
