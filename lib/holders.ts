// Modules that hold layers or parameters of a recorded function. A replacement there must be noticed even if the module itself is not called.
import type { Tracing } from './tracing.js'

const holders = new Set<WeakRef<object>>()
const known = new WeakSet<object>()
const collected = new FinalizationRegistry<WeakRef<object>>((reference) => holders.delete(reference))

/** Registers an object whose fields may hold layers and parameters. */
export function addHolder(holder: object): void {
  const reference = new WeakRef(holder)
  holders.add(reference)
  known.add(holder)
  collected.register(holder, reference)
}

export function isHolder(object: object): boolean {
  return known.has(object)
}

/** Makes the program depend on the fields through which modules hold what it uses, directly or through other modules. */
export function observeHolders(tracing: Tracing): void {
  tracing.unwatched(() => findHolders(tracing))
}

function findHolders(tracing: Tracing): void {
  const used = new Set<unknown>([...tracing.captured, ...tracing.owners])
  const others = [...holders].flatMap((reference) => reference.deref() ?? []).filter((holder) => !used.has(holder))
  for (let hasFound = true; hasFound; ) {
    hasFound = false
    for (const holder of others) {
      for (const [field, value] of Object.entries(holder) as [string, unknown][]) {
        const isHeld = used.has(value) || (Array.isArray(value) && value.some((item) => used.has(item)))
        if (!isHeld) continue
        tracing.read(holder, field)
        if (!used.has(holder)) hasFound = true
        used.add(holder)
      }
    }
  }
}
