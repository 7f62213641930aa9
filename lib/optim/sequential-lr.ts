// Schedules one after another.
import { checkList, checkNumbers, refuse } from '../check.js'
import { ValueError } from '../errors.js'
import { ReduceLROnPlateau } from './plateau.js'
import { type AnyOptimizer, LRScheduler, type SchedulerState } from './scheduler.js'

/**
 * Follows each schedule until its milestone. The next one then starts at its step 0, from the base rate.
 * @throws ValueError if there is not one milestone between each two schedules, or a schedule is of another optimizer or a `ReduceLROnPlateau`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html
 * @example
 * const parts = [new optim.LinearLR(optimizer), new optim.CosineAnnealingLR(optimizer, 95)]
 * const scheduler = new optim.SequentialLR(optimizer, parts, [5])
 */
export class SequentialLR extends LRScheduler {
  readonly #schedulers: readonly LRScheduler[]
  readonly #milestones: readonly number[]

  constructor(optimizer: AnyOptimizer, schedulers: readonly LRScheduler[], milestones: readonly number[]) {
    super(optimizer)
    checkList('SequentialLR', 'schedulers', schedulers, 'schedulers')
    checkNumbers('SequentialLR', 'milestones', milestones)
    if (schedulers.length === 0 || milestones.length !== schedulers.length - 1) {
      throw new ValueError(
        `SequentialLR: got ${schedulers.length} schedulers and ${milestones.length} milestones, expected one milestone between each two`,
      )
    }
    for (const scheduler of schedulers) {
      if (!(scheduler instanceof LRScheduler)) refuse('SequentialLR', 'a scheduler', scheduler, 'one of this package')
      if (scheduler.optimizer !== optimizer) throw new ValueError('SequentialLR: a scheduler is of another optimizer')
      if (scheduler instanceof ReduceLROnPlateau) {
        throw new ValueError('SequentialLR: ReduceLROnPlateau needs a metric and cannot be part of it')
      }
    }
    this.#schedulers = schedulers
    this.#milestones = milestones
    this.begin()
  }

  /** The schedule of the present step. */
  get #current(): LRScheduler {
    return this.#schedulers[this.#milestones.filter((milestone) => milestone <= this.lastEpoch).length]!
  }

  override step(): void {
    this.lastEpoch++
    if (this.#milestones.includes(this.lastEpoch)) this.#current.restart()
    else this.#current.step()
    this.#adopt()
  }
  override begin(): void {
    this.lastEpoch = 0
    // Making the schedulers has changed the rates already.
    this.write((group) => group.initialLr ?? group.lr)
    this.#current.begin()
    this.#adopt()
  }
  override restart(): void {
    this.begin()
  }
  protected override next(lr: number): number {
    return lr
  }
  /** Takes over the rates that a part has written. */
  #adopt(): void {
    this.write((group) => group.lr)
  }

  override stateDict(): SchedulerState {
    return { ...super.stateDict(), schedulers: this.#schedulers.map((scheduler) => scheduler.stateDict()) }
  }
  override checkStateDict(state: SchedulerState): void {
    super.checkStateDict(state)
    const { schedulers } = state
    if (!Array.isArray(schedulers) || schedulers.length !== this.#schedulers.length) {
      throw new ValueError(`SequentialLR: the state is not one of ${this.#schedulers.length} schedulers`)
    }
    for (const [i, scheduler] of this.#schedulers.entries()) scheduler.checkStateDict(schedulers[i] as SchedulerState)
  }
  override loadStateDict(state: SchedulerState): void {
    super.loadStateDict(state)
    const schedulers = state.schedulers as SchedulerState[]
    for (const [i, scheduler] of this.#schedulers.entries()) scheduler.loadStateDict(schedulers[i]!)
  }
}
