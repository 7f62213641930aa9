// What a row of the op suite is, and how it becomes a complete call.
import type { InputSpec } from '../support/generator.js'

export type Json = number | string | boolean | null | Json[] | { [key: string]: Json }

/** A shape (float32, uniform in [−2, 2)), or the parts of InputSpec that differ (integers: [0, 2)); null: no tensor. */
export type Input = number[] | (Partial<InputSpec> & { shape: number[] }) | null

/** One row: a call of `functional[fn]` on random inputs. */
export interface Row {
  fn: string
  inputs: Input[]
  /** Positional arguments after the tensors. */
  args?: Json[]
  /** The last argument. */
  options?: { [key: string]: Json }
  /** All positional arguments, where the tensors do not simply come first. */
  call?: Json[]
  /** Inputs whose gradient is checked; all float32 ones if not given. */
  grad?: number[]
  /** Inputs that the call overwrites; their values afterwards are checked too. */
  mutates?: number[]
  /** Set to false where the derivative does not exist at the inputs: no finite differences. */
  differences?: false
  note?: string
}

/** A row with every default filled in. Strings `$i` in call and options stand for input i. */
export interface Case {
  name: string
  family: string
  fn: string
  inputs: (InputSpec | null)[]
  call: Json[]
  options: { [key: string]: Json }
  grad: number[]
  mutates: number[]
  differences: boolean
}

function complete(input: Input): InputSpec | null {
  if (!input) return null
  const spec = Array.isArray(input) ? { shape: input } : input
  const dtype = spec.dtype ?? 'float32'
  const kind = spec.kind ?? (dtype === 'float32' ? 'uniform' : 'integers')
  return { dtype, kind, low: kind === 'integers' ? 0 : -2, high: 2, ...spec }
}

function references(value: Json): string[] {
  if (typeof value === 'string') return value.startsWith('$') ? [value] : []
  return value && typeof value === 'object' ? Object.values(value).flatMap(references) : []
}

function describe(input: Input): string {
  if (!input || Array.isArray(input)) return JSON.stringify(input)
  const { shape, ...rest } = input
  const words = Object.entries(rest).map(([key, value]) =>
    key === 'dtype' || key === 'kind' ? value : `${key} ${value}`,
  )
  return `${JSON.stringify(shape)} ${words.join(' ')}`
}

/** The case of a row; its name tells all of it and keys its random numbers. */
export function caseOf(family: string, row: Row): Case {
  const { fn, args = [], options = {}, mutates = [] } = row
  const inputs = row.inputs.map(complete)
  const used = new Set(references(Object.values(options)).concat(references(args)))
  const tensors = inputs.map((input, i) => (input ? `$${i}` : null)).filter((_, i) => !used.has(`$${i}`))
  const isFloat = (i: number) => inputs[i]?.dtype === 'float32' && !mutates.includes(i)
  const named = [...(row.call ?? args).map((arg) => JSON.stringify(arg))]
  if (Object.keys(options).length > 0) named.push(JSON.stringify(options))
  const note = row.note ? `: ${row.note}` : ''
  return {
    name: `${fn} ${[...row.inputs.map(describe), ...named].join(' ')}${note}`.replaceAll('"', ''),
    family,
    fn,
    inputs,
    call: row.call ?? [...tensors, ...args],
    options,
    grad: row.grad ?? inputs.map((_, i) => i).filter(isFloat),
    mutates,
    differences: row.differences ?? true,
  }
}
