// The numbers of a normalisation, (x − mean) / std: what data sets and transforms check of them.
import { ValueError } from '../errors.js'

/** One number for all channels, or one for each. */
export type PerChannel = number | readonly number[]

/**
 * @throws ValueError if a mean is not finite, or a deviation is not finite or is 0 as a float32, by which everything would become
 * infinite or NaN.
 */
export function checkNormalisation(of: string, mean: PerChannel, std: PerChannel): void {
  const isNumber = (value: unknown) => typeof value === 'number' && Number.isFinite(Math.fround(value))
  const each = (value: PerChannel): readonly unknown[] => (Array.isArray(value) ? value : [value])
  const text = (value: PerChannel) => (Array.isArray(value) ? `[${value.join(', ')}]` : String(value))
  if (!each(mean).every(isNumber)) throw new ValueError(`${of}: mean is ${text(mean)}, expected finite numbers`)
  if (!each(std).every((value) => isNumber(value) && Math.fround(value as number) !== 0)) {
    throw new ValueError(`${of}: std is ${text(std)}, expected finite numbers other than 0`)
  }
}
