// Calls everything that the package exports with wrong and half-right arguments, and tells which errors are not the package's own.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import * as cudnn from '../../lib/index.js'
import { validArguments } from './fuzz-recipes.js'
import { collectGarbage } from './garbage.js'

/** An error of the caller's own getters and functions: it goes through as it is. */
export class CallersError extends Error {}

/** One call that ended in an error which is not of the package. */
export interface Untyped {
  readonly call: string
  readonly error: string
}

export interface FuzzOptions {
  seed: number
  calls: number
  /** Told of each call before it is made, so that a crash can be named. */
  onCall?: (call: string) => void
  /** Only targets whose name matches. */
  only?: RegExp
}

export interface FuzzReport {
  readonly calls: number
  readonly typed: number
  readonly untyped: readonly Untyped[]
}

/** Numbers in [0, 1) from a seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

type Random = () => number
const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)]!

/** All option names of the package, from its declarations, and its protected methods, which nobody calls from outside, from its sources. */
function declared(): { options: string[]; isProtected: ReadonlySet<string> } {
  const names = new Set<string>()
  const isProtected = new Set<string>()
  const collect = (folder: URL, ending: string, pattern: RegExp, into: Set<string>): void => {
    const root = fileURLToPath(folder)
    for (const file of (readdirSync(root, { recursive: true }) as string[]).filter((name) => name.endsWith(ending))) {
      for (const [, name] of readFileSync(path.join(root, file), 'utf8').matchAll(pattern)) into.add(name!)
    }
  }
  collect(new URL('../../lib', import.meta.url), '.d.ts', /^ {4}(?:readonly )?(\w+)\??:/gm, names)
  const methods = /^ {2}protected (?:(?:abstract|override) )*(\w+)[(<]/gm
  collect(new URL('../../../lib', import.meta.url), '.ts', methods, isProtected)
  return { options: [...names], isProtected }
}

/** What is no argument of anything, or of something else. */
function wrongValues(random: Random): unknown {
  const throwing = Object.defineProperty({}, pick(random, ['lr', 'size', 'device', 'length', 'x']), {
    enumerable: true,
    get: () => {
      throw new CallersError('the getter threw')
    },
  })
  const disposed = cudnn.zeros([2])
  disposed.dispose()
  const makers: (() => unknown)[] = [
    () => undefined,
    () => null,
    () => pick(random, [Number.NaN, -1, 0, 1, 2, 1.5, 2 ** 53, -(2 ** 31) - 1, Number.POSITIVE_INFINITY, -0]),
    () => pick(random, [true, false]),
    () => pick(random, ['', 'x', 'same', 'cpu', 'float32', '0', '__proto__']),
    () => ({}),
    () => Object.create(null),
    () => [],
    () => [[]],
    () => [1, 'x'],
    () => [null, undefined],
    () => [1, 2],
    () => Symbol('wrong'),
    () => 1n,
    () => () => undefined,
    () => () => {
      throw new CallersError('the function threw')
    },
    () => async () => 1,
    () => Promise.resolve(cudnn.zeros([1])),
    () => throwing,
    () => disposed,
    () => cudnn.zeros([2, 3]),
    () => cudnn.zeros([2], { dtype: 'int32' }),
    () => cudnn.zeros([], { dtype: 'bool' }),
    () => [cudnn.zeros([1])],
    () => new cudnn.nn.ReLU(),
    () => new cudnn.nn.Linear(2, 2),
    () => new cudnn.optim.SGD([cudnn.ones([1])]),
    () => new Date(0),
    () => new Map([['x', 1]]),
    () => new Set([1]),
    () => Float32Array.of(1),
    () => new ArrayBuffer(4),
    () => /x/,
    () => new Error('wrong'),
    () => ({ forward: 1 }),
    () => ({ length: 2, get: 1 }),
    () => ({ params: null }),
    () => ({ x: 1, y: 2 }),
    () => new Proxy({}, {}),
  ]
  return pick(random, makers)()
}

/** For messages: short, and never throws. */
function textOf(value: unknown): string {
  try {
    if (typeof value === 'function') return value.name ? `function ${value.name}` : 'function'
    if (typeof value === 'bigint') return `${value}n`
    if (value instanceof cudnn.Tensor) return value.toString()
    if (Array.isArray(value)) return `[${value.map(textOf).join(', ')}]`
    if (typeof value === 'object' && value !== null) {
      const own = Object.getOwnPropertyDescriptors(value)
      const name: string = value.constructor?.name ?? 'null'
      const plain = name === 'Object' || name === 'null'
      const entries = plain ? Object.entries(own).map(([key, { value: each }]) => `${key}: ${textOf(each)}`) : []
      return `${plain ? '' : name}{${entries.join(', ')}}`
    }
    return typeof value === 'string' ? JSON.stringify(value) : String(value)
  } catch {
    return '?'
  }
}

export interface Target {
  readonly name: string
  /** What it may be given. */
  readonly valid: () => unknown[]
  readonly call: (args: unknown[]) => unknown
}

type Class = new (...args: unknown[]) => object

function isClass(value: unknown): value is Class {
  return typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value))
}

/** Not called: what would change the process for the tests that follow. */
const left = /^(setThreads|setDefaultDevice|setMemoryLimit|setCudaOptions|manualSeed|trimMemory)$/

/** All that is called, by dotted names; `namespace` stands before them. */
export function* targetsOf(value: unknown, name: string, walked = new Set<object>()): Generator<Target> {
  if (isClass(value)) {
    const recipe = validArguments(name)
    // An error class takes any message.
    if (value === (Error as unknown) || value.prototype instanceof Error) return
    // A handle of the caller's would be freed twice.
    if (name !== 'Tensor') yield { name: `new ${name}`, valid: recipe, call: (args) => new value(...args) }
    for (const key of Object.getOwnPropertyNames(value)) {
      const member = (value as unknown as Record<string, unknown>)[key]
      if (typeof member === 'function' && key !== 'prototype') {
        yield {
          name: `${name}.${key}`,
          valid: validArguments(`${name}.${key}`),
          call: (args) => (member as (...args: unknown[]) => unknown).apply(value, args),
        }
      }
    }
    const make = () => (name === 'Tensor' ? cudnn.zeros([2, 3]) : new value(...recipe()))
    // Networks can all be made, and take long.
    if (!name.startsWith('models.')) {
      try {
        ;(make() as { dispose?: () => void }).dispose?.()
      } catch {
        return // abstract, or made by a static method alone
      }
    }
    const seen = new Set(['constructor'])
    // What a class inherits is tried once, with the first class that has it.
    for (let own = value.prototype; own && own !== Object.prototype; own = Object.getPrototypeOf(own)) {
      if (walked.has(own)) continue
      walked.add(own)
      for (const key of Reflect.ownKeys(own)) {
        const { value: method, set } = Object.getOwnPropertyDescriptor(own, key)!
        const title = `${name}#${String(key)}`
        // Handles of the caller's would be freed twice.
        if (seen.has(String(key)) || key === 'become_') continue
        seen.add(String(key))
        if (typeof method === 'function') {
          yield {
            name: title,
            valid: validArguments(title),
            call: (args) => (make() as Record<PropertyKey, (...args: unknown[]) => unknown>)[key]!(...args),
          }
        }
        if (set) {
          yield {
            name: `${title} =`,
            valid: () => [],
            call: ([each]) => {
              ;(make() as Record<PropertyKey, unknown>)[key] = each
            },
          }
        }
      }
    }
  } else if (typeof value === 'function') {
    if (left.test(name)) return
    yield { name, valid: validArguments(name), call: (args) => (value as (...args: unknown[]) => unknown)(...args) }
  } else if (
    typeof value === 'object' &&
    value !== null &&
    Object.prototype.toString.call(value) === '[object Module]'
  ) {
    for (const [key, member] of Object.entries(value))
      yield* targetsOf(member, name === '' ? key : `${name}.${key}`, walked)
  }
}

function isTyped(error: unknown): boolean {
  if (error instanceof cudnn.CudnnError || error instanceof CallersError) return true
  // Of the system (a file that is not there): they carry the call and its code.
  return error instanceof Error && 'syscall' in error && 'code' in error
}

/** The arguments of a call, wrong in one place or in all. */
function argumentsFor(random: Random, valid: unknown[], options: readonly string[]): unknown[] {
  const kind = random()
  if (kind < 0.25) return Array.from({ length: Math.floor(random() * 4) }, () => wrongValues(random))
  const args = [...valid]
  if (args.length === 0) return [wrongValues(random)]
  const at = Math.floor(random() * args.length)
  if (kind < 0.35) return args.slice(0, at)
  const given = args[at]
  const isOptions = typeof given === 'object' && given !== null && Object.getPrototypeOf(given) === Object.prototype
  if (isOptions && kind < 0.85) {
    const known = Object.keys(given)
    const name = random() < 0.5 && known.length > 0 ? pick(random, known) : pick(random, options)
    args[at] = { ...given, [name]: wrongValues(random) }
  } else if (kind < 0.92) args[at] = wrongValues(random)
  else args.push({ [pick(random, options)]: wrongValues(random) })
  return args
}

const deadline = (ms: number) =>
  new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`nothing came within ${ms} ms`)), ms).unref()
  })

/** What a call gave is tried too: promises, iterators, functions and modules. */
async function follow(random: Random, result: unknown, depth = 0): Promise<void> {
  if (result instanceof Promise) return follow(random, await Promise.race([result, deadline(30_000)]), depth)
  if (typeof result === 'function' && depth < 2 && !isClass(result)) {
    const args = [random() < 0.5 ? cudnn.zeros([2, 3, 4, 4]) : wrongValues(random)]
    return follow(random, (result as (...args: unknown[]) => unknown)(...args), depth + 1)
  }
  if (result instanceof cudnn.nn.Module && typeof result.forward === 'function') {
    const input = random() < 0.3 ? cudnn.zeros([1, 3, 8, 8]) : wrongValues(random)
    try {
      ;(result.forward as (...args: unknown[]) => unknown)(input)
    } finally {
      result.dispose()
    }
  }
  if (result instanceof cudnn.data.DataLoader) {
    for await (const batch of result) {
      batch.dispose()
      break
    }
  }
  if (result instanceof cudnn.Tensor) {
    if (!result.isDisposed) await result.data()
    result.dispose()
  }
}

/** What the calls before left behind is freed now and then: nobody disposes of it. */
async function settle(i: number, isLarge: boolean): Promise<void> {
  if (i % 100 !== 0 && !isLarge) return
  await collectGarbage()
}

/** Makes `calls` calls, spread evenly over all targets. */
export async function fuzz({ seed, calls, onCall, only }: FuzzOptions): Promise<FuzzReport> {
  const random = generator(seed)
  const { options, isProtected } = declared()
  const targets = [...targetsOf(cudnn, '')].filter(({ name }) => {
    const [, method] = name.split('#')
    return (only?.test(name) ?? true) && !(method !== undefined && isProtected.has(method))
  })
  const untyped: Untyped[] = []
  let typed = 0
  for (let i = 0, turn = 0; i < calls; i++, turn++) {
    // Networks take long to make: one in ten of them a round.
    while (targets[turn % targets.length]!.name.includes('models.') && random() < 0.9) turn++
    const target = targets[turn % targets.length]!
    const args = argumentsFor(random, target.valid(), options)
    const call = `${target.name}(${args.map(textOf).join(', ')})`
    onCall?.(call)
    await settle(i, target.name.includes('models.'))
    try {
      await follow(random, target.call(args))
    } catch (error) {
      if (isTyped(error)) typed++
      else
        untyped.push({
          call,
          error:
            error instanceof Error
              ? `${error.name}: ${error.message}\n${error.stack?.split('\n').slice(1, 4).join('\n')}`
              : textOf(error),
        })
    }
  }
  return { calls, typed, untyped }
}
