// Mixed precision: products in a half type, sums and what needs digits in float32.
import { checkFunction, textOf } from './check.js'
import { DTypeError, ValueError } from './errors.js'
import { native } from './native.js'

/** The types in which autocast multiplies. */
export type HalfType = 'bfloat16' | 'float16'

/**
 * Runs `fn` with mixed precision, as `torch.autocast` does. Each op gets its float32 and half inputs in the type in which it computes best:
 *
 * - convolution, transposed convolution, linear and matmul: in `dtype`;
 * - softmax, losses, layer, group and instance norm, local response norm, exp, expm1, log, log1p, pow, square, reciprocal, rsqrt, softplus,
 *   sum, mean, prod, variance: in float32;
 * - ops of several tensors (add, mul, where, cat, …): in the widest type that comes;
 * - all others (activations, pooling, batch norm with its float32 parameters, …): in the type that comes.
 *
 * Parameters stay float32 and are cast once until the outermost `autocast` ends; their gradients arrive in float32. float64 and integers are
 * left alone. Call `backward()` outside: its ops compute in the types of the forward pass. With `'float32'` or null it is off inside, where
 * tensors of two types meet as errors again. With float16 small gradients vanish: scale the loss with `GradScaler`. Nothing is gained on
 * `reference`, nor on a `cpu` without instructions for `dtype`: there halves are widened, computed in float32 and rounded.
 *
 * @throws DTypeError for another type, ValueError where `fn` returns a promise: what it awaits would run outside.
 * @see https://docs.pytorch.org/docs/stable/amp.html
 * @example const loss = autocast('bfloat16', () => functional.crossEntropy(net.forward(x), y))
 */
export function autocast<Result>(dtype: HalfType | 'float32' | null, fn: () => Result): Result {
  if (dtype !== null && typeof dtype !== 'string') {
    throw new DTypeError(`autocast: dtype is ${textOf(dtype)}, expected bfloat16, float16, float32 or null`)
  }
  checkFunction('autocast', 'fn', fn)
  const before = native.autocast()
  native.setAutocast(dtype ?? 'float32')
  try {
    const result = fn()
    if (result instanceof Promise) {
      result.catch(() => {})
      throw new ValueError(
        'autocast: the function returned a promise, expected a synchronous function; await outside of it',
      )
    }
    return result
  } finally {
    native.setAutocast(before)
  }
}

/**
 * The half type of the innermost `autocast`, or null where it is off.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.get_autocast_dtype.html
 * @example const isMixed = autocastType() !== null
 */
export function autocastType(): HalfType | null {
  const dtype = native.autocast()
  return dtype === 'float32' ? null : dtype
}
