// LRScheduler: what all schedules share: they count steps and write the learning rate of each group of an optimizer.
import { checkFunction, checkObject, refuse, textOf } from '../check.js'
import { ValueError } from '../errors.js'
import type { Optimizer, ParamGroup } from './optimizer.js'

/** Any optimizer: schedules know only its learning rates. */
export type AnyOptimizer = Pick<Optimizer, 'paramGroups' | 'defaults'>

/** What a checkpoint keeps of a schedule: values that JSON can hold. */
export type SchedulerState = Record<string, unknown>

export function positiveInteger(scheduler: string, name: string, value: number): number {
  if (!(Number.isInteger(value) && value > 0)) {
    throw new ValueError(`${scheduler}: ${name} is ${textOf(value)}, expected a positive integer`)
  }
  return value
}

export function finite(scheduler: string, name: string, value: number): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new ValueError(`${scheduler}: ${name} is ${textOf(value)}, expected a finite number`)
  }
  return value
}

/** Refuses what is no optimizer: schedules that read one before their base class does call it first. */
export function checkOptimizer(scheduler: string, optimizer: unknown): asserts optimizer is AnyOptimizer {
  checkObject(scheduler, 'optimizer', optimizer)
  const { paramGroups, defaults } = optimizer as Partial<AnyOptimizer>
  const isOptimizer = Array.isArray(paramGroups) && typeof defaults === 'object' && defaults !== null
  if (!isOptimizer) refuse(scheduler, 'optimizer', optimizer, 'an optimizer')
}

/**
 * A schedule of the learning rate. Call `step()` after the optimizer's steps: once an epoch, or once a batch, as its numbers mean.
 * Most schedules multiply the present rate, as PyTorch's do, so several can work on one optimizer.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LRScheduler.html
 */
export abstract class LRScheduler {
  readonly optimizer: AnyOptimizer
  /** The learning rate of each group before any schedule. */
  baseLrs: number[]
  /** Steps so far. */
  lastEpoch = 0
  #lastLr: number[] = []

  constructor(optimizer: AnyOptimizer) {
    checkOptimizer(new.target.name, optimizer)
    this.optimizer = optimizer
    for (const group of optimizer.paramGroups) group.initialLr ??= group.lr
    this.baseLrs = optimizer.paramGroups.map((group) => group.initialLr ?? group.lr)
  }

  /** The rate at step 0, from the present rate and the one before any schedule. */
  protected first(lr: number, _base: number): number {
    return lr
  }
  /** The rate at step `lastEpoch`, from the one before. */
  protected abstract next(lr: number, base: number): number
  /** The rate at step 0 after another schedule had its turn, from the rate before any schedule. */
  protected restarted(base: number): number {
    return this.first(base, base)
  }

  /** Goes to the next step of the schedule. `metric` is for ReduceLROnPlateau. */
  step(_metric?: number): void {
    this.lastEpoch++
    this.write((group, base) => this.next(group.lr, base))
  }

  /** Begins the schedule with the present rates. For schedules made of others. */
  begin(): void {
    this.lastEpoch = 0
    this.write((group, base) => this.first(group.lr, base))
  }

  /** Begins the schedule with the rates before any schedule. For schedules made of others. */
  restart(): void {
    this.lastEpoch = 0
    this.write((_group, base) => this.restarted(base))
  }

  protected write(rate: (group: ParamGroup, base: number, index: number) => number): void {
    checkFunction(this.constructor.name, 'rate', rate)
    this.#lastLr = this.optimizer.paramGroups.map((group, i) => {
      group.lr = rate(group, this.baseLrs[i] ?? group.lr, i)
      return group.lr
    })
  }

  /** The learning rate of each group, as last written. */
  getLastLr(): number[] {
    return [...this.#lastLr]
  }

  /** What `loadStateDict` needs to go on; options are not part of it. */
  stateDict(): SchedulerState {
    return {
      kind: this.constructor.name,
      lastEpoch: this.lastEpoch,
      baseLrs: [...this.baseLrs],
      lastLr: this.getLastLr(),
    }
  }

  /**
   * Whether `loadStateDict` would take the state; nothing is changed. A subclass whose state holds more overrides it.
   * @throws ValueError for a state of another kind of schedule or number of groups, or with values that make no sense.
   */
  checkStateDict(state: SchedulerState): void {
    const { name } = this.constructor
    const { kind, lastEpoch, baseLrs, lastLr } = state ?? {}
    if (kind !== undefined && kind !== name) {
      throw new ValueError(`${name}: the state is one of ${String(kind)}, expected one of ${name}`)
    }
    if (!isCount(lastEpoch) || !isNumbers(baseLrs) || !isNumbers(lastLr)) {
      throw new ValueError(`${name}: the state lacks lastEpoch, baseLrs or lastLr, expected a count and finite numbers`)
    }
    const { length } = this.optimizer.paramGroups
    if (baseLrs.length !== length || lastLr.length !== length) {
      throw new ValueError(
        `${name}: the state has ${baseLrs.length} and ${lastLr.length} rates, expected ${length} of each`,
      )
    }
    const negative = baseLrs.find((lr) => lr < 0)
    if (negative !== undefined) throw new ValueError(`${name}: the state has the rate ${negative}, expected at least 0`)
  }

  /**
   * Goes on where another schedule of the same options was. The rates themselves are part of the optimizer's state. Nothing is
   * changed where it throws.
   * @throws ValueError as {@link checkStateDict}.
   */
  loadStateDict(state: SchedulerState): void {
    this.checkStateDict(state)
    this.lastEpoch = state.lastEpoch as number
    this.baseLrs = [...(state.baseLrs as number[])]
    this.#lastLr = [...(state.lastLr as number[])]
  }
}

/** Whether a value of a state counts steps. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(Number.isFinite)
}
