// Bounds how far JavaScript runs ahead of the device, and lets timers and I/O have their turn.
import { setImmediate } from 'node:timers/promises'

/** Keeps at most `limit` reads unfinished. They finish in the order in which they were pushed. */
export class InFlight {
  readonly #limit: number
  readonly #reads: Promise<void>[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Waits until there is room again; rejects with the failure of the oldest read. */
  async push(read: Promise<void>): Promise<void> {
    read.catch(() => {}) // it is reported when its turn comes
    this.#reads.push(read)
    // A read of an idle device settles without the event loop: it still gets a turn at each step.
    await setImmediate()
    while (this.#reads.length > this.#limit) await this.#reads.shift()
  }

  async drain(): Promise<void> {
    while (this.#reads.length > 0) await this.#reads.shift()
  }

  /** Waits for all, whatever becomes of them. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#reads.splice(0))
  }
}
