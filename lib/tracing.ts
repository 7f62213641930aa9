// What TypeScript has to know while a function is recorded: values that change from run to run, and what was taken for granted.
import type { Handle } from '../types/native.js'
import { type Change, Fields, Watch } from './guards.js'
import { native } from './native.js'
import type { Tensor } from './tensor.js'

/** Fields of an op that are asked for again before each run. */
export interface Provider {
  /** All dynamic fields of the op, in its order. Throws to refuse the run. */
  values(): readonly number[]
  /** The run is queued with these values. */
  done?(): void
}

/** Fields that have changed between calls of a compiled function, by their owner. */
export type Suspects = WeakMap<object, Set<string>>

/** What a recorded program needs of TypeScript, and what it takes for granted. */
export class Tracing {
  readonly providers: Provider[] = []
  readonly #counts = new Map<object, number>()
  readonly #observed = new Map<object, { read: () => unknown; value: unknown }>()
  readonly #made = new WeakSet<Tensor>()
  /** Tensors from outside, and the handles that they had. They are held: whether a program is right must not hang on the garbage collector. */
  readonly #captured = new Map<Tensor, Handle>()
  readonly #fields = new Map<object, Fields>()
  readonly #reads = new Map<object, Fields>()
  readonly #suspects: Suspects | undefined
  readonly #watches: Watch[] = []
  #isPaused = false

  constructor(suspects?: Suspects) {
    this.#suspects = suspects
  }

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

  /** The function made a tensor: it ends with the recording. */
  make(tensor: Tensor): void {
    this.#made.add(tensor)
  }
  /** Whether the function made it. */
  hasMade(tensor: Tensor): boolean {
    return this.#made.has(tensor)
  }
  /** The function uses a tensor, its own or one from outside. */
  use(tensor: Tensor, handle: Handle): void {
    if (!this.#made.has(tensor) && !this.#captured.has(tensor)) this.#captured.set(tensor, handle)
  }
  /** The tensors from outside that are still there. */
  get captured(): Tensor[] {
    return [...this.#captured.keys()].filter((tensor) => !tensor.isDisposed)
  }

  /**
   * The program depends on all fields of `owner`, as they are now. Those that change from call to call are watched, unless `isPart`: where they
   * are not read, they make no difference.
   */
  readAll(owner: object, isPart: (value: unknown) => boolean = () => false): void {
    if (this.#fields.has(owner)) return
    const suspects = this.#suspects?.get(owner)
    const watched = new Set([...(suspects ?? [])].filter((field) => !isPart((owner as Record<string, unknown>)[field])))
    const watches = [...watched].flatMap((field) => Watch.on(owner, field, () => this.#isPaused) ?? [])
    this.#watches.push(...watches)
    this.#fields.set(
      owner,
      Fields.of(owner, (field) => watches.some((watch) => watch.field === field)),
    )
  }

  /** The program depends on this field of `owner`, as it is now. */
  read(owner: object, field: string): void {
    let fields = this.#reads.get(owner)
    if (!fields) {
      fields = new Fields(owner)
      this.#reads.set(owner, fields)
    }
    if (!fields.has(field)) fields.add(field)
  }

  hasReadAll(owner: object): boolean {
    return this.#fields.has(owner)
  }
  /** The objects whose fields the program depends on. */
  get owners(): object[] {
    return [...this.#fields.keys()]
  }

  /** Runs `fn`, whose reading of watched fields makes no difference. */
  unwatched<Result>(fn: () => Result): Result {
    const before = this.#isPaused
    this.#isPaused = true
    try {
      return fn()
    } finally {
      this.#isPaused = before
    }
  }

  /** The recording has ended. */
  end(): void {
    for (const watch of this.#watches.splice(0)) {
      if (watch.end()) this.#reads.set(watch, watch.fields)
    }
    this.#guards.push(...this.#fields.values(), ...this.#reads.values())
    this.#tensors.push(...this.#captured)
    this.#values.push(...this.#observed.values())
  }
  // The same as lists, which are read faster: every compiled call does.
  readonly #values: { read: () => unknown; value: unknown }[] = []
  readonly #guards: Fields[] = []
  readonly #tensors: [Tensor, Handle][] = []

  /** Whether a tensor that it uses was disposed of or moved: it never holds again. */
  get isLost(): boolean {
    for (const [tensor, handle] of this.#tensors) {
      if (!tensor.has(handle)) return true
    }
    return false
  }

  /** Whether all observed values and fields are what they were. */
  get holds(): boolean {
    for (const { read, value } of this.#values) {
      if (read() !== value) return false
    }
    for (const fields of this.#guards) {
      if (fields.changed !== undefined) return false
    }
    return true
  }

  /** A field that has changed. */
  get change(): Change | undefined {
    for (const fields of this.#guards) {
      const field = fields.changed
      if (field !== undefined) return fields.change(field)
    }
    return undefined
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
    into.end()
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
