// Runs a case of the op suite on one device: inputs from the generator, outputs, gradients, overwritten inputs.
import {
  compile,
  full,
  functional,
  manualSeed,
  memory,
  noGrad,
  synchronize,
  Tensor,
  tensor,
  tidy,
} from '../../lib/index.js'
import type { DeviceName } from '../../types/dtype.js'
import type { Case, Json } from '../cases/case.js'
import { collectGarbage } from './garbage.js'
import { count, generate, type InputSpec, outputGradient } from './generator.js'
import type { Values } from './golden.js'

/** The seed of every case with random numbers; make.py knows it too. */
const seed = 7

export type HalfType = 'bfloat16' | 'float16'
export type ComputeType = 'float32' | 'float64' | HalfType

/** How a case is run; `rounded` values are those that the half type holds, whatever type computes with them. */
export interface Evaluation {
  rounded?: HalfType
}

export interface Part {
  dtype: string
  shape: readonly number[]
  data: Values
}
/** By part, as in the golden files: y0…, dx0…, m0…. */
export type Result = Map<string, Part>

type Inputs = (Tensor | null)[]

export function makeInput(
  spec: InputSpec,
  values: ArrayLike<number>,
  dtype: ComputeType,
  device: DeviceName,
  { rounded }: Evaluation = {},
): Tensor {
  const type = spec.dtype === 'float32' ? dtype : spec.dtype
  if (rounded !== undefined && type === dtype && dtype !== rounded) {
    return tensor(Float32Array.from(values), { shape: spec.shape, dtype: rounded, device }).to(dtype)
  }
  const data = type === 'float64' ? Float64Array.from(values) : Float32Array.from(values)
  return tensor(data, { shape: spec.shape, dtype: type, device })
}

function resolve(value: Json, inputs: Inputs): unknown {
  if (typeof value === 'string' && value.startsWith('$')) return inputs[Number(value.slice(1))]
  return Array.isArray(value) ? value.map((each) => resolve(each, inputs)) : value
}

/** Calls the function of a case; its tensors, whatever it returns. */
export function callCase(each: Case, inputs: Inputs): Tensor[] {
  const functions = functional as unknown as { [name: string]: ((...args: unknown[]) => Tensor | Tensor[]) | undefined }
  const fn = functions[each.fn]
  if (!fn) throw new Error(`functional.${each.fn} does not exist`)
  const args = each.call.map((arg) => resolve(arg, inputs))
  const options = Object.entries(each.options).map(([key, value]) => [key, resolve(value, inputs)])
  if (options.length > 0) args.push(Object.fromEntries(options))
  const result = fn(...args)
  return result instanceof Tensor ? [result] : result
}

export function inputValues(each: Case): (number[] | null)[] {
  return each.inputs.map((spec, i) => spec && generate(spec, `${each.name}/${i}`))
}

/** Outputs, gradients and overwritten inputs of a call, by part. */
function partsOf(
  each: Case,
  inputs: Inputs,
  dtype: ComputeType,
  device: DeviceName,
  how: Evaluation = {},
): Map<string, Tensor> {
  const outputs = callCase(each, inputs)
  const found = new Map<string, Tensor>()
  outputs.forEach((y, i) => {
    found.set(`y${i}`, y)
  })
  if (each.grad.length > 0) {
    const roots = outputs.map((y, i) => ({ y, i })).filter(({ y }) => y.requiresGrad)
    if (roots.length === 0) throw new Error(`no output of ${each.fn} has a gradient`)
    for (const { y, i } of roots) {
      const spec: InputSpec = { shape: [...y.shape], dtype: 'float32', kind: 'uniform', low: -1, high: 1 }
      const gradient = makeInput(spec, outputGradient(each.name, i, spec.shape), y.dtype as ComputeType, device, how)
      y.backward({ gradient, retainGraph: y !== roots.at(-1)!.y })
    }
    for (const i of each.grad) {
      found.set(`dx${i}`, inputs[i]!.grad ?? full(inputs[i]!.shape, 0, { dtype, device }))
    }
  }
  for (const i of each.mutates) if (inputs[i]) found.set(`m${i}`, inputs[i])
  return found
}

/** Outputs, gradients and overwritten inputs of a case. */
export function evaluate(each: Case, dtype: ComputeType, device: DeviceName, how: Evaluation = {}): Promise<Result> {
  return evaluateWith(each, dtype, device, (inputs) => partsOf(each, inputs, dtype, device, how), how)
}

/** `evaluate` as a compiled function: each call of it is another run. */
export function compileCase(each: Case, dtype: ComputeType, device: DeviceName): () => Promise<Result> {
  const run = compile((...inputs: Inputs) =>
    Object.fromEntries([...partsOf(each, inputs, dtype, device)].map(([part, t]) => [part, t.detach()])),
  )
  return () => evaluateWith(each, dtype, device, (inputs) => new Map(Object.entries(run(...inputs))))
}

async function evaluateWith(
  each: Case,
  dtype: ComputeType,
  device: DeviceName,
  call: (inputs: Inputs) => Map<string, Tensor>,
  how: Evaluation = {},
): Promise<Result> {
  const values = inputValues(each)
  const parts = tidy(() => {
    const inputs = each.inputs.map((spec, i) => spec && makeInput(spec, values[i]!, dtype, device, how))
    for (const i of each.grad) inputs[i]!.requiresGrad_()
    manualSeed(seed)
    return call(inputs)
  })
  const result: Result = new Map()
  for (const [part, t] of parts) {
    const { dtype: type, shape } = t
    result.set(part, { dtype: type, shape, data: (await t.data()) as Values })
  }
  for (const t of parts.values()) t.dispose()
  return result
}

/** Leaves NaN in freed memory of the sizes that a case takes, so that an op that forgets an element is found out. */
export function poison(result: Result, device: DeviceName): void {
  const sizes = new Set([1, 16, 64, 256])
  for (const { data } of result.values()) sizes.add(Math.max(1, Math.ceil(data.byteLength / 4)))
  tidy(() => {
    for (const size of sizes) for (let i = 0; i < 6; i++) full([size], Number.NaN, { device })
  })
}

/**
 * Bytes and tensors that a device holds at the beginning of a test. What earlier tests left to the garbage collector goes first: were it to go
 * during the test, the test would seem to end with too few.
 */
export async function baseline(device: DeviceName): Promise<{ live: number; tensors: number }> {
  await collectGarbage()
  return settled(device)
}

/** Bytes and tensors that a device holds once it has nothing to do; garbage counts, since the test made it. */
export async function settled(device: DeviceName): Promise<{ live: number; tensors: number }> {
  await synchronize(device)
  const { live, tensors } = memory(device)
  return { live, tensors }
}

/** Σ over float outputs of ⟨y, dy⟩ in float64 for given inputs. */
function projection(each: Case, values: (ArrayLike<number> | null)[], dys: (number[] | undefined)[]): number {
  const outputs = tidy(() =>
    noGrad(() => {
      const inputs = each.inputs.map((spec, i) => spec && makeInput(spec, values[i]!, 'float64', 'reference'))
      manualSeed(seed)
      return callCase(each, inputs)
    }),
  )
  let total = 0
  outputs.forEach((y, k) => {
    const dy = dys[k]
    if (dy) {
      const data = y.dataSync()
      for (let j = 0; j < data.length; j++) total += data[j]! * dy[j]!
    }
  })
  for (const y of outputs) y.dispose()
  return total
}

function squares(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2
  return sum
}

/**
 * The largest relative error of each gradient of a float64 result against central differences: of every element for
 * small inputs, along random directions for large ones.
 */
export function differenceErrors(each: Case, result: Result): Map<string, number> {
  const base = inputValues(each)
  const dys = [...result.entries()]
    .filter(([part]) => part.startsWith('y'))
    .map(([, { dtype, shape }], i) => (dtype === 'float64' ? outputGradient(each.name, i, [...shape]) : undefined))
  const step = 1e-5
  const errors = new Map<string, number>()
  for (const i of each.grad) {
    const n = count(each.inputs[i]!.shape)
    const gradient = result.get(`dx${i}`)!.data
    if (n === 0) continue
    const slope = (direction: ArrayLike<number>): number => {
      const moved = (by: number) => base.map((v, k) => (k === i ? v!.map((x, j) => x + by * direction[j]!) : v))
      return (projection(each, moved(step), dys) - projection(each, moved(-step), dys)) / (2 * step)
    }
    const norm = Math.sqrt(squares(gradient))
    let error = 0
    let directions: number[][]
    if (n <= 40) {
      directions = Array.from({ length: n }, (_, j) => Array.from({ length: n }, (_, k) => (k === j ? 1 : 0)))
    } else {
      const spec: InputSpec = { shape: [n], dtype: 'float32', kind: 'integers', low: 0, high: 2 }
      const signs = (k: number) => generate(spec, `${each.name}/direction${k}`).map((bit) => 2 * bit - 1)
      directions = Array.from({ length: n <= 4096 ? 3 : 1 }, (_, k) => signs(k))
    }
    for (const direction of directions) {
      let expected = 0
      for (let j = 0; j < n; j++) expected += gradient[j]! * direction[j]!
      error += (slope(direction) - expected) ** 2
    }
    // The mean square of one direction's slope is norm² (for signs) or norm²/n (for unit vectors).
    const scale = n <= 40 ? norm : norm * Math.sqrt(directions.length)
    errors.set(`dx${i}`, Math.sqrt(error) / (scale > 0 ? scale : 1))
  }
  return errors
}
