// State of a recording on the TypeScript side: values that change from run to run, and the guards of the recorded program.
import type { Handle } from '../types/native.js'
import { type Change, Fields, Watch } from './guards.js'
import { native } from './native.js'
import type { Tensor } from './tensor.js'

/** Provides the fields of an op that are read anew before each run, such as a learning rate. */
export interface Provider {
  /** All dynamic fields of the op, in its order. Throws to refuse the run. */
  values(): readonly number[]
  /** Called when a run with these values is queued. */
  done?(): void
}

/** Fields that have changed between calls of a compiled function, by their owner. */
export type Suspects = WeakMap<object, Set<string>>

/** Providers and guards of a recorded program. */
export class Tracing {
  readonly providers: Provider[] = []
  readonly #counts = new Map<object, number>()
  readonly #observed = new Map<object, { read: () => unknown; value: unknown }>()
  readonly #made = new WeakSet<Tensor>()
  /** Captured tensors and their handles. Strong references: a program's validity must not depend on garbage collection. */
  readonly #captured = new Map<Tensor, Handle>()
  readonly #fields = new Map<object, Fields>()
  readonly #reads = new Map<object, Fields>()
  readonly #suspects: Suspects | undefined
  readonly #watches: Watch[] = []
  #isPaused = false

  constructor(suspects?: Suspects) {
    this.#suspects = suspects
  }

  /** Guards a value of `owner`. */
  observe(owner: object, read: () => unknown): void {
    if (!this.#observed.has(owner)) this.#observed.set(owner, { read, value: read() })
  }

  /** How often `count` was called with `thing` before. */
  count(thing: object): number {
    const count = this.#counts.get(thing) ?? 0
    this.#counts.set(thing, count + 1)
    return count
  }

  /** Notes a tensor that the function made; it ends with the recording. */
  make(tensor: Tensor): void {
    this.#made.add(tensor)
  }
  /** Whether the function made the tensor. */
  hasMade(tensor: Tensor): boolean {
    return this.#made.has(tensor)
  }
  /** Notes the use of a tensor; one that the function did not make is captured. */
  use(tensor: Tensor, handle: Handle): void {
    if (!this.#made.has(tensor) && !this.#captured.has(tensor)) this.#captured.set(tensor, handle)
  }
  /** The captured tensors that are not disposed of. */
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

  /** Guards one field of `owner` with its present value. */
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
  /** The objects whose fields are guarded. */
  get owners(): object[] {
    return [...this.#fields.keys()]
  }

  /** Runs `fn`; its reads of watched fields are not counted. */
  unwatched<Result>(fn: () => Result): Result {
    const before = this.#isPaused
    this.#isPaused = true
    try {
      return fn()
    } finally {
      this.#isPaused = before
    }
  }

  /** Called at the end of the recording; `program`: its number, if all went well. */
  end(program?: number): void {
    this.#program = program
    for (const watch of this.#watches.splice(0)) {
      if (watch.end()) this.#reads.set(watch, watch.fields)
    }
    this.#guards.push(...this.#fields.values(), ...this.#reads.values())
    this.#tensors.push(...this.#captured)
    this.#values.push(...this.#observed.values())
  }
  // The guards as arrays: every compiled call reads them, and arrays iterate faster than maps.
  readonly #values: { read: () => unknown; value: unknown }[] = []
  readonly #guards: Fields[] = []
  readonly #tensors: [Tensor, Handle][] = []
  /** It knows which tensors share memory, and which leaves have a gradient. */
  #program: number | undefined

  /**
   * Whether the program may run on these arguments. `'lost'`: a captured tensor was disposed of or moved, so it never may again; `'changed'`: not
   * now, since a guarded value, field, or the memory of a tensor is not what it was.
   */
  validity(inputs: readonly Handle[]): 'valid' | 'changed' | 'lost' {
    for (const [tensor, handle] of this.#tensors) {
      if (!tensor.has(handle)) return 'lost'
    }
    for (const { read, value } of this.#values) {
      if (read() !== value) return 'changed'
    }
    for (const fields of this.#guards) {
      if (fields.changed !== undefined) return 'changed'
    }
    return this.#program !== undefined && native.programHolds(this.#program, inputs) ? 'valid' : 'changed'
  }

  /** The first guarded field that has changed. */
  get change(): Change | undefined {
    for (const fields of this.#guards) {
      const field = fields.changed
      if (field !== undefined) return fields.change(field)
    }
    return undefined
  }
}

let current: Tracing | undefined

/** The current recording, if any. */
export function tracing(): Tracing | undefined {
  return current
}

/** How a recorded function becomes a program: as `compile`'s options. */
interface ProgramOptions {
  precision: 'exact' | 'fast'
  microBatch: number
}

/**
 * Records the ops of `fn`, which returns the tensors that a program returns, into `into`; gives the number of the program. Here, and in
 * `outsideTrace`, the recording begins and ends for this side and the native one.
 */
export function recordProgram(
  into: Tracing,
  inputs: readonly Handle[],
  { precision, microBatch }: ProgramOptions,
  fn: () => readonly Handle[],
): number {
  let program: number | undefined
  native.beginTrace(inputs)
  current = into
  try {
    const results = fn()
    const captured = into.captured.map((tensor) => tensor.handle)
    program = native.endTrace(results, captured, precision === 'fast', microBatch)
    return program
  } finally {
    current = undefined
    into.end(program)
    native.abortTrace() // nothing is left to abort if all went well
  }
}

/** Makes `provider` give the last op's dynamic fields at each run. Does nothing outside a recording. */
export function provideDynamic(provider: Provider): void {
  if (!current) return
  native.provideDynamic()
  current.providers.push(provider)
}

/** Runs `fn` unrecorded during a recording: for state that is made once, such as an optimizer's. */
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
