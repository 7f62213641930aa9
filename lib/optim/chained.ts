// Schedules that work on one optimizer together.
import { checkList, refuse } from '../check.js'
import { ValueError } from '../errors.js'
import { ReduceLROnPlateau } from './plateau.js'
import { LRScheduler, type SchedulerState } from './scheduler.js'

/**
 * Steps several schedules of one optimizer one after another at each step: their factors multiply.
 * @throws ValueError if there is no schedule, they are of different optimizers, or one is a `ReduceLROnPlateau`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ChainedScheduler.html
 * @example const scheduler = new optim.ChainedScheduler([new optim.ConstantLR(optimizer), new optim.ExponentialLR(optimizer, 0.9)])
 */
export class ChainedScheduler extends LRScheduler {
  readonly #schedulers: readonly LRScheduler[]

  constructor(schedulers: readonly LRScheduler[]) {
    checkList('ChainedScheduler', 'schedulers', schedulers, 'schedulers')
    for (const scheduler of schedulers) {
      if (!(scheduler instanceof LRScheduler))
        refuse('ChainedScheduler', 'a scheduler', scheduler, 'one of this package')
      if (scheduler.optimizer !== schedulers[0]!.optimizer) {
        throw new ValueError('ChainedScheduler: a scheduler is of another optimizer')
      }
      if (scheduler instanceof ReduceLROnPlateau) {
        throw new ValueError('ChainedScheduler: ReduceLROnPlateau needs a metric and cannot be part of it')
      }
    }
    const [first] = schedulers
    if (!first) throw new ValueError('ChainedScheduler: got no schedulers')
    super(first.optimizer)
    this.#schedulers = [...schedulers]
    this.#adopt() // making them has written the rates of step 0
  }

  override step(): void {
    this.lastEpoch++
    for (const scheduler of this.#schedulers) scheduler.step()
    this.#adopt()
  }
  override begin(): void {
    this.lastEpoch = 0
    for (const scheduler of this.#schedulers) scheduler.begin()
    this.#adopt()
  }
  override restart(): void {
    this.write((group) => group.initialLr ?? group.lr)
    this.begin()
  }
  protected override next(lr: number): number {
    return lr
  }
  /** Takes over the rates that the parts have written. */
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
      throw new ValueError(`ChainedScheduler: the state is not one of ${this.#schedulers.length} schedulers`)
    }
    for (const [i, scheduler] of this.#schedulers.entries()) scheduler.checkStateDict(schedulers[i] as SchedulerState)
  }
  override loadStateDict(state: SchedulerState): void {
    super.loadStateDict(state)
    const schedulers = state.schedulers as SchedulerState[]
    for (const [i, scheduler] of this.#schedulers.entries()) scheduler.loadStateDict(schedulers[i]!)
  }
}
