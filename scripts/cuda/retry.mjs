// Requests that are tried again: what may pass (a cut line, a busy server) is told from what will not (a file that is not there).
import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from './failure.mjs'

/** Milliseconds, and how often in a row a request may fail without a byte of progress. */
export const defaultTiming = {
  stall: 30_000,
  tries: 6,
  backoff: (failures) => Math.min(1000 * 2 ** (failures - 1), 30_000),
}

/** May go better another time. `after`: milliseconds that the server asks to wait. */
export class Passing extends Error {
  constructor(message, after = 0) {
    super(message)
    this.after = after
  }
}

/** The reason in fetch's "fetch failed". */
function reason(error) {
  const inner = error.cause?.errors?.[0] ?? error.cause ?? error
  return inner.message || inner.code || String(inner)
}

const isCertificate = (error) => /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(error.cause?.code ?? '')

function retryAfter(response) {
  const value = response.headers.get('retry-after')
  if (!value) return 0
  const wait = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Math.min(Math.max(wait || 0, 0), 120_000)
}

/**
 * One request. `use(response, alive)` reads the answer and calls `alive` whenever something came; silence for `timing.stall` cuts it off.
 * Throws a Passing or a Failure.
 */
export async function request(w, url, headers, use) {
  const cut = new AbortController()
  let timer
  const alive = () => {
    clearTimeout(timer)
    timer = setTimeout(() => cut.abort(new Passing(`nothing came for ${w.timing.stall / 1000} s`)), w.timing.stall)
  }
  try {
    alive()
    const response = await w.fetch(url, { headers, signal: cut.signal })
    const { status } = response
    if (status === 408 || status === 429 || status >= 500) {
      await response.body?.cancel()
      throw new Passing(`the server answered ${status}`, retryAfter(response))
    }
    return await use(response, alive)
  } catch (error) {
    if (error instanceof Failure || error instanceof Passing) throw error
    if (cut.signal.aborted) throw cut.signal.reason
    if (['open', 'write', 'close'].includes(error.syscall) && !error.cause) throw error // the disk, not the line
    if (isCertificate(error))
      throw new Failure(
        `${new URL(url).host} shows a certificate that is not trusted (${reason(error)}); NODE_EXTRA_CA_CERTS names a file with your own`,
      )
    throw new Passing(reason(error))
  } finally {
    clearTimeout(timer)
  }
}

/** Does `work` until it succeeds. `work` gets a function to call at each progress, which forgives the failures before it. */
export async function withRetries(w, what, work) {
  let failures = 0
  for (;;) {
    try {
      return await work(() => {
        failures = 0
      })
    } catch (error) {
      if (!(error instanceof Passing)) throw error
      failures++
      if (failures >= w.timing.tries) throw new Failure(`${what}: ${error.message}; tried ${failures} times`)
      const wait = Math.max(w.timing.backoff(failures), error.after)
      w.note(`${what}: ${error.message}; trying again in ${Math.ceil(wait / 1000)} s`)
      await sleep(wait)
    }
  }
}
