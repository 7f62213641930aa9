// Sites: the line of the user's program that queued an op, for the message of an error that comes later.
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Depth of the stack that is searched: enough for a call from deep within nested modules. */
const frames = 16

/** Captures the current stack; it is formatted only if it is read. */
export function captureSite(): object {
  const site = {}
  const before = Error.stackTraceLimit
  Error.stackTraceLimit = frames
  Error.captureStackTrace(site, captureSite)
  Error.stackTraceLimit = before
  return site
}

const compiled = path.dirname(fileURLToPath(import.meta.url))
/** Folders of this package's own code: compiled, and as source maps show it. */
const own = [compiled, path.join(compiled, '..', '..', 'lib')].map((folder) => folder + path.sep)

/** `train.ts:12:9`, the innermost line that is not this package's or Node's; empty where there is none. */
export function describeSite(site: object): string {
  const { stack } = site as { stack?: unknown }
  if (typeof stack !== 'string') return ''
  for (const line of stack.split('\n')) {
    const [, place] = /\((.*:\d+:\d+)\)$/.exec(line) ?? /at (?:async )?(.*:\d+:\d+)$/.exec(line) ?? []
    if (place === undefined || place.startsWith('node:') || place.includes('<anonymous>')) continue
    const file = place.startsWith('file:') ? fileURLToPath(place) : place
    if (own.some((folder) => file.startsWith(folder))) continue
    const near = path.relative(process.cwd(), file)
    return near.startsWith('..') || path.isAbsolute(near) ? file : near
  }
  return ''
}
