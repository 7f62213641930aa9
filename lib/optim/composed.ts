// What schedules that are made of others share: the checks of their parts, and one state for all.
import { checkList, refuse } from '../check.js'
import { ValueError } from '../errors.js'
import { ReduceLROnPlateau } from './plateau.js'
import { type AnyOptimizer, LRScheduler, type SchedulerState } from './scheduler.js'

/**
 * Checks the parts of a schedule.
 * @throws ValueError if there are none, one is of another optimizer, or one is a `ReduceLROnPlateau`.
 */
export function checkParts(name: string, parts: readonly LRScheduler[], optimizer?: AnyOptimizer): LRScheduler {
  checkList(name, 'schedulers', parts, 'schedulers')
  for (const part of parts) {
    if (!(part instanceof LRScheduler)) refuse(name, 'a scheduler', part, 'one of this package')
    if (part.optimizer !== (optimizer ?? parts[0]!.optimizer)) {
      throw new ValueError(`${name}: a scheduler is of another optimizer`)
    }
    if (part instanceof ReduceLROnPlateau) {
      throw new ValueError(`${name}: ReduceLROnPlateau needs a metric and cannot be part of it`)
    }
  }
  const [first] = parts
  if (!first) throw new ValueError(`${name}: got no schedulers`)
  return first
}

/** The base of schedules whose parts write the rates. */
export abstract class ComposedLR extends LRScheduler {
  /** @internal */
  protected readonly parts: readonly LRScheduler[]

  constructor(optimizer: AnyOptimizer, parts: readonly LRScheduler[]) {
    super(optimizer)
    this.parts = [...parts]
  }

  protected override next(lr: number): number {
    return lr
  }
  /**
   * Takes over the rates that the parts have written.
   * @internal
   */
  protected adopt(): void {
    this.write((group) => group.lr)
  }

  override stateDict(): SchedulerState {
    return { ...super.stateDict(), schedulers: this.parts.map((part) => part.stateDict()) }
  }
  override checkStateDict(state: SchedulerState): void {
    super.checkStateDict(state)
    const { schedulers } = state
    if (!Array.isArray(schedulers) || schedulers.length !== this.parts.length) {
      throw new ValueError(`${this.constructor.name}: the state is not one of ${this.parts.length} schedulers`)
    }
    for (const [i, part] of this.parts.entries()) part.checkStateDict(schedulers[i] as SchedulerState)
  }
  override loadStateDict(state: SchedulerState): void {
    super.loadStateDict(state)
    const schedulers = state.schedulers as SchedulerState[]
    for (const [i, part] of this.parts.entries()) part.loadStateDict(schedulers[i]!)
  }
}
