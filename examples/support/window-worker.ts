// A worker thread that computes convolution windows: its share of a list, into memory that all threads see.
import { threadId, workerData } from 'node:worker_threads'
import { computeWindow, type WindowTask } from './windows.js'

const { task, order, first, step, ready, count, times } = workerData as WindowShare

/** What a worker is given: it takes the windows `order[first]`, `order[first + step]`, … */
export interface WindowShare {
  readonly task: WindowTask
  readonly order: Uint32Array
  readonly first: number
  readonly step: number
  /** How many workers have come, and how many must before they start. */
  readonly ready: Int32Array
  readonly count: number
  /** When each worker began and ended, in milliseconds since 1970: [count, 2]. */
  readonly times: Float64Array
}

const now = () => performance.timeOrigin + performance.now()

if (Atomics.add(ready, 0, 1) + 1 === count) Atomics.notify(ready, 0)
for (let come = Atomics.load(ready, 0); come < count; come = Atomics.load(ready, 0)) Atomics.wait(ready, 0, come)
times[2 * first] = now()
for (let i = first; i < order.length; i += step) computeWindow(task, order[i]!, threadId)
times[2 * first + 1] = now()
