// Schedules one after another.
import { checkList, checkNumbers } from '../check.js'
import { ValueError } from '../errors.js'
import { ComposedLR, checkParts } from './composed.js'
import { type AnyOptimizer, checkOptimizer, type LRScheduler } from './scheduler.js'

/**
 * Follows each schedule until its milestone. The next one then starts at its step 0, from the base rate.
 * @throws ValueError if there is not one milestone between each two schedules, or a schedule is of another optimizer or a `ReduceLROnPlateau`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html
 * @example
 * const parts = [new optim.LinearLR(optimizer), new optim.CosineAnnealingLR(optimizer, 95)]
 * const scheduler = new optim.SequentialLR(optimizer, parts, [5])
 */
export class SequentialLR extends ComposedLR {
  readonly #milestones: readonly number[]

  constructor(optimizer: AnyOptimizer, schedulers: readonly LRScheduler[], milestones: readonly number[]) {
    checkOptimizer('SequentialLR', optimizer)
    checkList('SequentialLR', 'schedulers', schedulers, 'schedulers')
    checkNumbers('SequentialLR', 'milestones', milestones)
    if (schedulers.length === 0 || milestones.length !== schedulers.length - 1) {
      throw new ValueError(
        `SequentialLR: got ${schedulers.length} schedulers and ${milestones.length} milestones, expected one milestone between each two`,
      )
    }
    checkParts('SequentialLR', schedulers, optimizer)
    super(optimizer, schedulers)
    this.#milestones = milestones
    this.begin()
  }

  /** The schedule of the present step. */
  get #current(): LRScheduler {
    return this.parts[this.#milestones.filter((milestone) => milestone <= this.lastEpoch).length]!
  }

  override step(): void {
    this.lastEpoch++
    if (this.#milestones.includes(this.lastEpoch)) this.#current.restart()
    else this.#current.step()
    this.adopt()
  }
  override begin(): void {
    this.lastEpoch = 0
    // Making the schedulers has changed the rates already.
    this.write((group) => group.initialLr ?? group.lr)
    this.#current.begin()
    this.adopt()
  }
  override restart(): void {
    this.begin()
  }
}
