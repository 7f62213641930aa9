// Schedules that work on one optimizer together.
import { ComposedLR, checkParts } from './composed.js'
import type { LRScheduler } from './scheduler.js'

/**
 * Steps several schedules of one optimizer one after another at each step: their factors multiply.
 * @throws ValueError if there is no schedule, they are of different optimizers, or one is a `ReduceLROnPlateau`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ChainedScheduler.html
 * @example const scheduler = new optim.ChainedScheduler([new optim.ConstantLR(optimizer), new optim.ExponentialLR(optimizer, 0.9)])
 */
export class ChainedScheduler extends ComposedLR {
  constructor(schedulers: readonly LRScheduler[]) {
    super(checkParts('ChainedScheduler', schedulers).optimizer, schedulers)
    this.adopt() // making the parts has written the rates of step 0
  }

  override step(): void {
    this.lastEpoch++
    for (const part of this.parts) part.step()
    this.adopt()
  }
  override begin(): void {
    this.lastEpoch = 0
    for (const part of this.parts) part.begin()
    this.adopt()
  }
  override restart(): void {
    this.write((group) => group.initialLr ?? group.lr)
    this.begin()
  }
}
