// LRScheduler: what all schedules share: they count steps and write the learning rate of each group of an optimizer.
import { checkFunction, checkObject, refuse, textOf } from '../check.js'
import { ValueError } from '../errors.js'
import { isForeign, markClass } from '../marks.js'
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

/**
 * Checks that a value is an optimizer. Schedules that read it before their base class does call this first.
 * @throws ValueError if it is not.
 */
export function checkOptimizer(scheduler: string, optimizer: unknown): asserts optimizer is AnyOptimizer {
  checkObject(scheduler, 'optimizer', optimizer)
  const { paramGroups, defaults } = optimizer as Partial<AnyOptimizer>
  const isOptimizer = Array.isArray(paramGroups) && typeof defaults === 'object' && defaults !== null
  if (!isOptimizer || isForeign(optimizer)) refuse(scheduler, 'optimizer', optimizer, 'an optimizer')
}

/**
 * A schedule of the learning rate. Call `step()` after the optimizer's steps: once an epoch, or once a batch, as its numbers mean.
 * Most schedules multiply the present rate, as PyTorch's do, so several can work on one optimizer.
 * @throws ValueError if `optimizer` is not an optimizer.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LRScheduler.html
 * @example
 * class HalvingLR extends optim.LRScheduler {
 *   constructor(optimizer: optim.Optimizer) {
 *     super(optimizer)
 *     this.begin()
 *   }
 *   protected override next(lr: number) {
 *     return lr / 2
 *   }
 * }
 */
export abstract class LRScheduler {
  /** The optimizer whose rates are written. */
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
  /** The rate at step `lastEpoch`, from the rate of the step before; `base` is the one before any schedule. */
  protected abstract next(lr: number, base: number): number
  /** The rate at step 0 after another schedule had its turn, from the rate before any schedule. */
  protected restarted(base: number): number {
    return this.first(base, base)
  }

  /**
   * Goes to the next step of the schedule and writes its rates. Only `ReduceLROnPlateau` reads `metric`.
   * @throws ValueError if the schedule has no further step, or needs a metric and gets none.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LRScheduler.html
   * @example scheduler.step()
   */
  step(_metric?: number): void {
    this.lastEpoch++
    this.write((group, base) => this.next(group.lr, base))
  }

  /**
   * Starts the schedule at step 0, from the present rates. For schedules that are made of others.
   * @example scheduler.begin()
   */
  begin(): void {
    this.lastEpoch = 0
    this.write((group, base) => this.first(group.lr, base))
  }

  /**
   * Starts the schedule at step 0, from the rates before any schedule. For schedules that are made of others.
   * @example scheduler.restart()
   */
  restart(): void {
    this.lastEpoch = 0
    this.write((_group, base) => this.restarted(base))
  }

  /** Writes the learning rate of each group. */
  protected write(rate: (group: ParamGroup, base: number, index: number) => number): void {
    checkFunction(this.constructor.name, 'rate', rate)
    this.#lastLr = this.optimizer.paramGroups.map((group, i) => {
      group.lr = rate(group, this.baseLrs[i] ?? group.lr, i)
      return group.lr
    })
  }

  /**
   * The learning rate of each group, as last written.
   * @example const [lr] = scheduler.getLastLr()
   */
  getLastLr(): number[] {
    return [...this.#lastLr]
  }

  /**
   * Steps and rates, as plain data for `loadStateDict`. The options are not part of it.
   * @example const state = scheduler.stateDict()
   */
  stateDict(): SchedulerState {
    return {
      kind: this.constructor.name,
      lastEpoch: this.lastEpoch,
      baseLrs: [...this.baseLrs],
      lastLr: this.getLastLr(),
    }
  }

  /**
   * Checks whether `loadStateDict` would take the state. Nothing is changed. A subclass whose state holds more overrides it.
   * @throws ValueError if the state is of another kind of schedule or another number of groups, or a value is out of range.
   * @example scheduler.checkStateDict(scheduler.stateDict())
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
   * Goes on where another schedule of the same options was. The present rates are part of the optimizer's state. If it throws, nothing has changed.
   * @throws ValueError as {@link checkStateDict}.
   * @example scheduler.loadStateDict(scheduler.stateDict())
   */
  loadStateDict(state: SchedulerState): void {
    this.checkStateDict(state)
    this.lastEpoch = state.lastEpoch as number
    this.baseLrs = [...(state.baseLrs as number[])]
    this.#lastLr = [...(state.lastLr as number[])]
  }
}

markClass(LRScheduler, 'a scheduler')

/** Whether a value is a whole number of at least 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(Number.isFinite)
}
