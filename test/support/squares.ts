// Datasets for test/data.test.ts that worker threads can make: x = [i, i²], y = i mod 3.
import { writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import type { Dataset, Sample } from '../../lib/data/dataset.js'

interface Options {
  length: number
  /** Samples take 0 to this many milliseconds, unevenly, so that batches end out of order. */
  delay?: number
  failAt?: number
  hangAt?: number
  exitAt?: number
  /** A file that appears when a sample is asked for after `markFrom`. */
  mark?: string
  markFrom?: number
}

export default class Squares implements Dataset {
  readonly length: number
  readonly #options: Options

  constructor(options: Options) {
    this.length = options.length
    this.#options = options
  }

  async get(i: number): Promise<Sample> {
    const { delay = 0, failAt, hangAt, exitAt, mark, markFrom = 0 } = this.#options
    if (delay > 0) await setTimeout((i * 7919) % (delay + 1))
    if (i === failAt) throw Object.assign(new RangeError(`sample ${i} is broken`), { helper: () => {} })
    if (i === hangAt) for (;;);
    if (i === exitAt) process.exit(3)
    if (mark && i >= markFrom) writeFileSync(mark, String(i))
    return { x: { dtype: 'float32', shape: [2], data: Float32Array.of(i, i * i) }, y: i % 3 }
  }
}

/** Made by an asynchronous `create`. */
export class Created extends Squares {
  static async create(options: Options): Promise<Created> {
    await setTimeout(1)
    return new Created(options)
  }
}

export const notAClass = 1

export class NoDataset {}
