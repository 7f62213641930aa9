// How results are compared: relative norms, one table of tolerances, and NaN never passes.

/** The largest relative norm of the difference that passes. Golden values are float64 results rounded to float32. */
export const tolerances = {
  /** Against PyTorch, by device and type. */
  golden: {
    reference: { float32: 1e-5, float64: 1e-7 },
    cpu: { float32: 2e-5 },
    cuda: { float32: 1e-4 },
  },
  /** float32 results of a device against those of `reference`. */
  devices: { cpu: 2e-5, cuda: 1e-4 },
  /**
   * Results in a half type against the float32 results of the same (rounded) inputs, in units of the type's roundoff: one rounding
   * for each op that a function is made of, as many again for its gradient, and the rounding of what it hands on.
   */
  half: { bfloat16: 5 * 2 ** -8, float16: 5 * 2 ** -11 },
  /** Gradients in float64 against central differences. */
  differences: 1e-6,
  /** The losses of a training of 100 steps against PyTorch's: the largest single relative difference. */
  training: 1e-3,
} as const

/**
 * ‖actual − expected‖ / ‖expected‖ (‖actual‖ where the expected norm is zero). Infinite where NaN or an infinity stands
 * in one of them only, or where the lengths differ.
 */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY
  let difference = 0
  let norm = 0
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i]!
    const b = expected[i]!
    if (Object.is(a, b) || a === b) {
      if (Number.isFinite(b)) norm += b * b
    } else if (Number.isFinite(a) && Number.isFinite(b)) {
      difference += (a - b) ** 2
      norm += b * b
    } else if (!(Number.isNaN(a) && Number.isNaN(b))) {
      return Number.POSITIVE_INFINITY
    }
  }
  return Math.sqrt(norm > 0 ? difference / norm : difference)
}

/** True only for an error that is a number within the tolerance. */
export function passes(error: number, tolerance: number): boolean {
  return error <= tolerance
}

/** Where two results differ most, for a message. */
export function worst(actual: ArrayLike<number>, expected: ArrayLike<number>): string {
  let at = -1
  let most = -1
  for (let i = 0; i < Math.min(actual.length, expected.length); i++) {
    const difference = Math.abs(actual[i]! - expected[i]!)
    const isOdd = Number.isNaN(actual[i]!) !== Number.isNaN(expected[i]!)
    if (isOdd || difference > most) {
      at = i
      most = isOdd ? Number.POSITIVE_INFINITY : difference
    }
  }
  return at < 0 ? `lengths ${actual.length} and ${expected.length}` : `[${at}]: ${actual[at]}, expected ${expected[at]}`
}
