// What TypeScript has to know while a function is recorded: values that change from run to run, and what was taken for granted.
import { native } from './native.js'

/** Fields of an op that are asked for again before each run. */
export interface Provider {
  /** All dynamic fields of the op, in its order. Throws to refuse the run. */
  values(): readonly number[]
  /** The run is queued with these values. */
  done?(): void
}

/** What a recorded program needs of TypeScript. */
export class Tracing {
  readonly providers: Provider[] = []
  readonly #counts = new Map<object, number>()
  readonly #observed = new Map<object, { read: () => unknown; value: unknown }>()

  /** Remembers that the program depends on a value of `owner`. */
  observe(owner: object, read: () => unknown): void {
    if (!this.#observed.has(owner)) this.#observed.set(owner, { read, value: read() })
  }

  /** How often it was asked about `thing` before. */
  count(thing: object): number {
    const count = this.#counts.get(thing) ?? 0
    this.#counts.set(thing, count + 1)
    return count
  }

  /** Whether all observed values are what they were. */
  get holds(): boolean {
    for (const { read, value } of this.#observed.values()) {
      if (read() !== value) return false
    }
    return true
  }
}

let current: Tracing | undefined

/** What is recorded now, if anything. */
export function tracing(): Tracing | undefined {
  return current
}

/** Runs `fn` while its ops are recorded for `into`. */
export function whileTracing<Result>(into: Tracing, fn: () => Result): Result {
  current = into
  try {
    return fn()
  } finally {
    current = undefined
  }
}

/** The last op's dynamic fields come from `provider` at each run. Only while a function is recorded. */
export function provideDynamic(provider: Provider): void {
  if (!current) return
  native.provideDynamic()
  current.providers.push(provider)
}

/** Runs `fn` for real while a function is recorded: for state that is made once, such as an optimizer's. */
export function outsideTrace<Result>(fn: () => Result): Result {
  const paused = current
  if (!paused) return fn()
  current = undefined
  native.pauseTrace(true)
  try {
    return fn()
  } finally {
    native.pauseTrace(false)
    current = paused
  }
}
