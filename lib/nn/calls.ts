// What happens around every call of a module's `forward`: intermediates are freed, errors say which layer, observers watch.
import { tidy } from '../tidy.js'
import { tracing } from '../tracing.js'
import { readFields } from './fields.js'
import type { AnyModule } from './module.js'

/** Called after each finished call of a forward, the innermost first. */
export type ForwardObserver = (module: AnyModule, inputs: readonly unknown[], output: unknown) => void

type Forward = (this: AnyModule, ...inputs: never[]) => unknown

const wrapped = new WeakSet<object>()
const located = new WeakSet<object>()
/** The modules whose forward is running, the outermost first. */
const calls: AnyModule[] = []
const observers = new Set<ForwardObserver>()

/** Wraps the `forward` of a module's class and of the classes that it extends, each once. */
export function wrapForward(module: object, root: object): void {
  let prototype: object | null = Object.getPrototypeOf(module)
  while (prototype && prototype !== root && !wrapped.has(prototype)) {
    wrapped.add(prototype)
    const own = Object.getOwnPropertyDescriptor(prototype, 'forward')
    if (typeof own?.value === 'function') {
      Object.defineProperty(prototype, 'forward', { ...own, value: around(own.value as Forward) })
    }
    prototype = Object.getPrototypeOf(prototype)
  }
}

function around(forward: Forward): Forward {
  return function call(this: AnyModule, ...inputs: never[]): unknown {
    // super.forward(…) belongs to the same call.
    if (calls.at(-1) === this) return forward.apply(this, inputs)
    calls.push(this)
    const recording = tracing()
    if (recording) readFields(this, recording)
    try {
      const output = tidy(() => forward.apply(this, inputs))
      for (const observer of observers) observer(this, inputs, output)
      return output
    } catch (error) {
      locate(error)
      throw error
    } finally {
      calls.pop()
    }
  }
}

/** Runs `fn` with `observer` called after every forward. */
export function observeForward<Result>(observer: ForwardObserver, fn: () => Result): Result {
  observers.add(observer)
  try {
    return fn()
  } finally {
    observers.delete(observer)
  }
}

/** The name by which `parent` holds `child`, possibly some levels deep. */
function nameWithin(parent: AnyModule, child: AnyModule): string | undefined {
  for (const [name, module] of parent.namedModules()) {
    if (module === child) return name
  }
  return undefined
}

/** Puts the path of the innermost running layer before an error's message, once: `in Sequential › 3 (Linear): linear: …`. */
function locate(error: unknown): void {
  if (!(error instanceof Error) || located.has(error)) return
  located.add(error)
  const [outermost] = calls
  const innermost = calls.at(-1)
  if (!outermost || !innermost) return
  let path = outermost.constructor.name
  for (let i = 1; i < calls.length; i++) {
    const module = calls[i]!
    path += ` › ${nameWithin(calls[i - 1]!, module) ?? module.constructor.name}`
  }
  if (calls.length > 1) path += ` (${innermost.constructor.name})`
  const message = `in ${path}: ${error.message}`
  // The stack was written when the error was made; it opens with the message.
  const stack = error.stack?.replace(error.message, () => message)
  error.message = message
  if (stack !== undefined) error.stack = stack
}
