// Checks of arguments, for callers without types. Imports no tensors, so worker threads can load it without the addon.

import { types } from 'node:util'
import { ValueError } from './errors.js'
import { originText, scoped } from './marks.js'

/** Throws ValueError, `op: name is …, expected …`, if the value is wrong. */
export type Check = (op: string, name: string, value: unknown) => void

/** One check per option. An option that is absent or undefined takes its default and is not checked. */
export type Checks<Options> = { readonly [Name in keyof Options]-?: Check }

/** A value as messages show it: `null`, `a string ('x')`, `2.5`, `[1, 2]`. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean')
    return `${value}`
  if (Array.isArray(value)) {
    return value.length <= 16 && value.every((item) => typeof item === 'number') ? `[${value.join(', ')}]` : 'an array'
  }
  if (types.isPromise(value)) return 'a promise (await it first)'
  if (typeof value === 'string') return value.length <= 40 ? `a string ('${value}')` : 'a string'
  if (typeof value !== 'object') return `a ${typeof value}`
  return originText(value) ?? 'an object'
}

/** Throws the ValueError of all checks. */
export function refuse(op: string, name: string, value: unknown, expected: string): never {
  throw new ValueError(`${op}: ${name} is ${textOf(value)}, expected ${expected}`)
}

export function checkNumber(op: string, name: string, value: unknown): asserts value is number {
  if (typeof value !== 'number') refuse(op, name, value, 'a number')
}

export function checkFinite(op: string, name: string, value: unknown): asserts value is number {
  if (!Number.isFinite(value)) refuse(op, name, value, 'a finite number')
}

/** Throws unless the value is an integer of at least `least`. */
export function checkInteger(
  op: string,
  name: string,
  value: unknown,
  least = Number.NEGATIVE_INFINITY,
): asserts value is number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return
  refuse(op, name, value, least === Number.NEGATIVE_INFINITY ? 'a whole number' : `a whole number of at least ${least}`)
}

export function checkBoolean(op: string, name: string, value: unknown): asserts value is boolean {
  if (typeof value !== 'boolean') refuse(op, name, value, 'true or false')
}

export function checkString(op: string, name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') refuse(op, name, value, 'a string')
}

// biome-ignore lint/complexity/noBannedTypes: any function will do
export function checkFunction(op: string, name: string, value: unknown): asserts value is Function {
  if (typeof value !== 'function') refuse(op, name, value, 'a function')
}

export function checkObject(op: string, name: string, value: unknown): asserts value is object {
  if (typeof value !== 'object' || value === null) refuse(op, name, value, 'an object')
}

/** Throws unless the value is an array. `of` names its items in the message. */
export function checkList(
  op: string,
  name: string,
  value: unknown,
  of = 'numbers',
): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) refuse(op, name, value, `an array of ${of}`)
}

export function checkNumbers(op: string, name: string, value: unknown): asserts value is readonly number[] {
  checkList(op, name, value)
  for (let i = 0; i < value.length; i++) {
    if (typeof value[i] !== 'number') refuse(op, `${name}[${i}]`, value[i], 'a number')
  }
}

/** The items of any iterable as an array; `check` is applied to each. */
export function listOf(op: string, name: string, value: unknown, of: string, check?: Check): unknown[] {
  const isIterable =
    typeof value === 'object' && value !== null && typeof (value as Iterable<unknown>)[Symbol.iterator] === 'function'
  if (!isIterable) refuse(op, name, value, `a list of ${of}`)
  const list = [...(value as Iterable<unknown>)]
  if (check) for (const [i, item] of list.entries()) check(op, `${name}[${i}]`, item)
  return list
}

export function checkSizeOrSizes(
  op: string,
  name: string,
  value: unknown,
): asserts value is number | readonly number[] {
  if (typeof value === 'number') return
  if (!Array.isArray(value)) refuse(op, name, value, 'a number or an array of numbers')
  checkNumbers(op, name, value)
}

/** Throws unless the value is one of `allowed`. */
export function oneOf<T extends string>(op: string, option: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) {
    throw new ValueError(
      `${op}: ${option} is ${typeof value === 'string' ? `'${value}'` : textOf(value)}, expected one of ${allowed.join(', ')}`,
    )
  }
  return value
}

// ---- checks for tables of options ---------------------------------------------------------------------------------

export const anything: Check = () => {}

export function integerFrom(least: number): Check {
  return (op, name, value) => checkInteger(op, name, value, least)
}

/** A number of repeated modules in a block or a network. The upper bound turns a mistake into an error instead of a hang. */
export const moduleCount: Check = (op, name, value) => {
  if (!(Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 10_000)) {
    refuse(op, name, value, 'a whole number of at least 1, and at most 10000')
  }
}

/** A check for numbers for which `isRight` holds; `expected` describes them in the message. */
export function numberThat(expected: string, isRight: (value: number) => boolean): Check {
  return (op, name, value) => {
    if (typeof value !== 'number' || !isRight(value)) refuse(op, name, value, expected)
  }
}

export const atLeastZero = numberThat('a number of at least 0', (value) => value >= 0)
export const probability = numberThat('a number in [0, 1]', (value) => value >= 0 && value <= 1)

export function among(...allowed: string[]): Check {
  return (op, name, value) => void oneOf(op, name, value as string, allowed)
}

export function orNull(check: Check): Check {
  return (op, name, value) => {
    if (value !== null) check(op, name, value)
  }
}

/** A check that accepts any number, and what `check` accepts. */
export function orNumber(check: Check): Check {
  return (op, name, value) => {
    if (typeof value !== 'number') check(op, name, value)
  }
}

/** A check of a nested options object. */
export function optionsLike<Options>(checks: Checks<Options>): Check {
  return (op, name, value) => void checkOptions(`${op}: ${name}`, value as Options, checks)
}

// ---- options ------------------------------------------------------------------------------------------------------

/** Levenshtein distance: the number of letters to change, add or remove. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}

function refuseName(op: string, name: string, known: readonly string[]): never {
  const plain = (text: string) => text.replaceAll('_', '').toLowerCase()
  const near = known
    .map((each) => ({ each, far: distance(plain(name.slice(0, 40)), plain(each)) }))
    .filter(({ far, each }) => far <= Math.ceil(each.length / 3))
    .sort((a, b) => a.far - b.far)[0]
  const hint = near ? `'${near.each}'` : known.length === 0 ? 'none' : `one of ${known.join(', ')}`
  throw new ValueError(`${op}: '${name}' is no option, expected ${hint}`)
}

/** Whether an object is a literal (of any realm), not an instance of a class. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/**
 * Returns the options. Throws for what is no object, for unknown names, and for values that a check rejects. An instance of a class may
 * carry options; one without any was meant as another argument.
 */
export function checkOptions<Options>(op: string, options: Options, checks: Checks<NoInfer<Options>>): Options {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    refuse(op, 'options', options, 'an object')
  }
  if (scoped in options) refuse(op, 'options', options, 'options by their names')
  let isEmpty = true
  for (const name in options) {
    isEmpty = false
    if (!Object.hasOwn(checks, name)) refuseName(op, name, Object.keys(checks))
    const value = options[name]
    if (value !== undefined) checks[name](op, name, value)
  }
  if (isEmpty && !isPlain(options)) refuse(op, 'options', options, 'options by their names')
  return options
}
