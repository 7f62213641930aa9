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
    return { lastEpoch: this.lastEpoch, baseLrs: [...this.baseLrs], lastLr: this.getLastLr() }
  }

  /** Goes on where another schedule of the same options was. The rates themselves are part of the optimizer's state. */
  loadStateDict(state: SchedulerState): void {
    checkObject(this.constructor.name, 'the state', state)
    const { lastEpoch, baseLrs, lastLr } = state
    if (!Number.isInteger(lastEpoch) || !isNumbers(baseLrs) || !isNumbers(lastLr)) {
      throw new ValueError(`${this.constructor.name}: the state lacks lastEpoch, baseLrs or lastLr`)
    }
    this.lastEpoch = lastEpoch as number
    this.baseLrs = [...baseLrs]
    this.#lastLr = [...lastLr]
  }
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number')
}
