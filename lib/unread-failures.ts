// A failed op shows where its result is read, or in `synchronize()`. Where nobody looks, the process warns.
import type { Native } from '../types/addon.js'

/** Milliseconds that a program has to look at what failed. */
const patience = 1000

/** So often it is left in peace while it waits for reads, one of which may tell it. */
const postponements = 10

/** Failures beyond this many are counted only. */
const most = 3

/** Warns of failures that nobody has read a second later, or when the event loop ends. */
export function warnOfUnreadFailures(native: Native): void {
  let timer: NodeJS.Timeout | undefined
  let postponed = 0
  const warn = (): void => {
    timer = undefined
    const failures = native.unreadFailures(postponed < postponements)
    if (failures === null) {
      postponed++
      wait()
      return
    }
    postponed = 0
    for (const { name, message } of failures.slice(0, most)) {
      process.emitWarning(`${message}; nothing that depends on it was read`, `Unread${name}`)
    }
    const others = failures.length - most
    if (others > 0) process.emitWarning(`${others} more ops failed since, and were not read`, 'UnreadErrors')
  }
  const wait = (): void => {
    timer ??= setTimeout(warn, patience).unref()
  }
  native.setFailureListener(wait)
  process.on('beforeExit', () => {
    if (timer) {
      clearTimeout(timer)
      warn()
    }
  })
}
