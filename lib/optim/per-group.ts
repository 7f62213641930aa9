// What schedules write into groups beside the rate: a number for each group, and the momentum.
import { checkSizeOrSizes } from '../check.js'
import { ValueError } from '../errors.js'
import type { ParamGroup } from './optimizer.js'
import { type AnyOptimizer, finite } from './scheduler.js'

/** One number for all groups, or one each. */
export type PerGroup = number | readonly number[]

/**
 * A number for each group.
 * @throws ValueError if there are more or fewer numbers than groups, or one is not finite.
 */
export function perGroup(scheduler: string, name: string, value: PerGroup, groups: number): number[] {
  checkSizeOrSizes(scheduler, name, value)
  const list = typeof value === 'number' ? new Array<number>(groups).fill(value) : [...value]
  if (list.length !== groups) {
    throw new ValueError(`${scheduler}: ${name} has ${list.length} numbers, expected ${groups}`)
  }
  return list.map((each) => finite(scheduler, name, each))
}

/** Writes the momentum of a group: SGD's, or the first beta of Adam's family. */
export type MomentumOption = (group: ParamGroup, momentum: number) => void

/**
 * Where an optimizer has its momentum.
 * @throws ValueError if it has none.
 */
export function momentumOf(scheduler: string, { defaults }: AnyOptimizer): MomentumOption {
  if ('betas' in defaults) {
    return (group: ParamGroup & { betas?: readonly [number, number] }, momentum) => {
      group.betas = [momentum, group.betas?.[1] ?? 0.999]
    }
  }
  if ('momentum' in defaults) {
    return (group: ParamGroup & { momentum?: number }, momentum) => {
      group.momentum = momentum
    }
  }
  throw new ValueError(`${scheduler}: the optimizer has no momentum; set cycleMomentum to false`)
}
