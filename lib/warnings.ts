// Warnings of a compiled function that is recorded again and again; each is given once.
import type { Change } from './guards.js'
import type { Suspects } from './tracing.js'

/** Changes of one field before the warning: replacing a layer now and then is normal. */
const warnAfter = 5

type Advice = (change: Change) => string | undefined
const advices = new WeakMap<object, Advice>()

/** Registers a warning for changes of fields of `owner`, given at the first change for which `message` returns a text. */
export function advise(owner: object, message: Advice): void {
  advices.set(owner, message)
}

function text(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value !== 'object' || value === null) return String(value)
  return Array.isArray(value) ? `an array of ${value.length}` : `a ${value.constructor?.name ?? 'record'}`
}

function warn(message: string): void {
  process.emitWarning(`compile: ${message}`, 'CompileWarning')
}

/** The warnings of one compiled function. */
export class Warnings {
  /** Fields that have changed; they are watched during the next recording. */
  readonly suspects: Suspects = new WeakMap()
  readonly #counts = new Map<string, number>()
  readonly #keys = new Map<string, string>()
  #hasWarnedOfNumbers = false

  /** The function is recorded again because a field has changed. */
  onChange(change: Change): void {
    const { owner, field, before, after } = change
    const fields = this.suspects.get(owner) ?? new Set()
    this.suspects.set(owner, fields.add(field))
    const advice = advices.get(owner)?.(change)
    const name = `${owner.constructor.name}.${field}`
    const count = (this.#counts.get(name) ?? 0) + 1
    this.#counts.set(name, count)
    if (advice && count === 1) warn(advice)
    if (advice || count !== warnAfter) return
    warn(
      `${name} has changed ${warnAfter} times (${text(before)}, then ${text(after)}), and each time the function was recorded anew, which is slow; ` +
        'keep what changes from call to call in a tensor, or outside of the module',
    )
  }

  /** The function is recorded for a new key. `masked` is the key without its numbers. */
  onKey(masked: string, key: string): void {
    const before = this.#keys.get(masked)
    this.#keys.set(masked, key)
    if (before === undefined || before === key || this.#hasWarnedOfNumbers) return
    this.#hasWarnedOfNumbers = true
    warn(
      `a number among the arguments has changed (${before}, then ${key}): the function is recorded for each number anew; ` +
        'pass a tensor for what changes from call to call',
    )
  }
}
