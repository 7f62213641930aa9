// An op's failure is reported where its result is read, or by `synchronize()`. If neither happens, the process emits a warning.
import type { Native } from '../types/addon.js'

/** Milliseconds after a failure before the warning. */
const graceMs = 1000

/** How often the warning is put off while a read is under way, which may report the failure. */
const maxPostponements = 10

/** At most this many failures are described; the others are counted. */
const most = 3

/** Warns of failures that were not read within a second, or when the event loop ends. */
export function warnOfUnreadFailures(native: Native): void {
  let timer: NodeJS.Timeout | undefined
  let postponed = 0
  const warn = (): void => {
    timer = undefined
    const failures = native.unreadFailures(postponed < maxPostponements)
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
    timer ??= setTimeout(warn, graceMs).unref()
  }
  native.setFailureListener(wait)
  process.on('beforeExit', () => {
    if (timer) {
      clearTimeout(timer)
      warn()
    }
  })
}
