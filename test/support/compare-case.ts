// What differs between the results of a case of the op suite and what they should be, a line each.
import type { Case } from '../cases/case.js'
import { passes, relativeError, worst } from './compare.js'
import { golden, sampled } from './golden.js'
import type { Result } from './run-case.js'

/** Golden values are float32: what a float64 run returns has another name for the same type. */
const plainType = (dtype: string) => (dtype === 'float64' ? 'float32' : dtype)

/** What differs from PyTorch, one line each. */
export function againstGolden(each: Case, result: Result, tolerance: number, check: string): string[] {
  const expected = golden(each.family, each.name)
  if (expected.size === 0) return [`${check}: no golden value, run test/golden/make.py`]
  const parts = (keys: Iterable<string>) => [...keys].sort().join(' ')
  if (parts(result.keys()) !== parts(expected.keys())) {
    return [`${check}: made ${parts(result.keys())}, expected ${parts(expected.keys())}`]
  }
  return [...expected].flatMap(([part, wanted]) => {
    const { dtype, shape, data } = result.get(part)!
    const made = `${plainType(dtype)}[${shape.join(', ')}]`
    const right = `${wanted.dtype}[${wanted.shape.join(', ')}]`
    if (made !== right) return [`${check} ${part}: is ${made}, expected ${right}`]
    const kept = sampled(data)
    const error = relativeError(kept, wanted.data)
    const allowed = wanted.dtype === 'float32' ? tolerance : 0
    if (passes(error, allowed)) return []
    return [`${check} ${part}: relative error ${error} > ${allowed}, worst at ${worst(kept, wanted.data)}`]
  })
}

/** What differs between two runs, one line each. */
export function againstResult(result: Result, expected: Result, tolerance: number, check: string): string[] {
  return [...expected].flatMap(([part, wanted]) => {
    const made = result.get(part)
    if (made?.dtype !== wanted.dtype || made.shape.join() !== wanted.shape.join()) {
      return [`${check} ${part}: ${made?.dtype}[${made?.shape}] and ${wanted.dtype}[${wanted.shape}]`]
    }
    const error = relativeError(made.data, wanted.data)
    const allowed = wanted.dtype.startsWith('float') ? tolerance : 0
    if (passes(error, allowed)) return []
    return [`${check} ${part}: relative error ${error} > ${allowed}, worst at ${worst(made.data, wanted.data)}`]
  })
}
