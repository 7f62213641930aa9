// What a bad-input case is, and what its functions get to work with.
import { functional, tensor } from '../../lib/index.js'
import { native } from '../../lib/native.js'
import type { Tensor } from '../../lib/tensor.js'
import type { DeviceName } from '../../types/dtype.js'
import { count } from './generator.js'

/** Functions without their argument types: the cases pass what TypeScript would refuse. */
type Loose<Result> = { readonly [name: string]: (...args: unknown[]) => Result }

export interface Tools {
  device: DeviceName
  /** The functional API. */
  F: Loose<Tensor>
  /** The native ops, on handles. */
  ops: Loose<number>
  /** A float32 tensor of a shape, without zeros. */
  x: (...shape: number[]) => Tensor
  /** Its handle. */
  h: (...shape: number[]) => number
  /** An int32 tensor: the values repeated. */
  int: (shape: number[], ...values: number[]) => Tensor
}

export type ErrorName =
  | 'ShapeError'
  | 'DTypeError'
  | 'ValueError'
  | 'DeviceError'
  | 'OutOfMemoryError'
  | 'DisposedError'
  | 'GradientError'

export interface BadCase {
  name: string
  /** The class, or several that are as good. */
  error: ErrorName | ErrorName[]
  /** What the message must contain; letters of either case. */
  says: string[]
  /** Throws (now), or returns a tensor whose `data()` rejects (later). */
  run: (tools: Tools) => unknown
  when: 'now' | 'later'
}

export function bad(
  name: string,
  error: ErrorName | ErrorName[],
  says: string | string[],
  run: (tools: Tools) => unknown,
): BadCase {
  return { name, error, says: typeof says === 'string' ? [says] : says, run, when: 'now' }
}

export function badLater(
  name: string,
  error: ErrorName,
  says: string | string[],
  run: (tools: Tools) => Tensor,
): BadCase {
  return { ...bad(name, error, says, run), when: 'later' }
}

export function tools(device: DeviceName): Tools {
  const x = (...shape: number[]) => {
    const data = Float32Array.from({ length: count(shape) }, (_, i) => ((i * 7) % 11) - 5.5)
    return tensor(data, { shape, device })
  }
  const int = (shape: number[], ...values: number[]) => {
    const data = Int32Array.from({ length: count(shape) }, (_, i) => values[i % values.length]!)
    return tensor(data, { shape, dtype: 'int32', device })
  }
  return {
    device,
    F: functional as unknown as Loose<Tensor>,
    ops: native.ops as unknown as Loose<number>,
    x,
    h: (...shape) => x(...shape).handle,
    int,
  }
}
