// Worker threads that make batches in host memory; it does not know the order in which they are wanted.
import { Worker } from 'node:worker_threads'
import { DataError } from '../errors.js'
import type { HostBatch } from './collate.js'
import type { DatasetSource } from './module-dataset.js'

/** What a worker is made with. */
export interface WorkerSettings {
  readonly source: DatasetSource
  /** Of the epoch's random numbers. */
  readonly seed: number
  /** Which of the workers it is, from 0. */
  readonly worker: number
}

/** The examples of a batch, of which the first is number `first` of the epoch. */
export interface WorkerRequest {
  readonly indices: Int32Array
  readonly first: number
}

export type WorkerReply = { batch: HostBatch } | { error: unknown }

interface Task {
  readonly request: WorkerRequest
  readonly resolve: (batch: HostBatch) => void
  readonly reject: (error: unknown) => void
}

/** A batch for the first free worker; the first failure of any worker fails all that is asked for from then on. */
export class WorkerPool {
  readonly #workers: Worker[] = []
  readonly #idle: Worker[] = []
  readonly #waiting: Task[] = []
  readonly #running = new Map<Worker, Task>()
  #failure: { error: unknown } | undefined

  constructor(source: DatasetSource, size: number, seed: number) {
    for (let i = 0; i < size; i++) {
      const workerData: WorkerSettings = { source: { ...source, module: String(source.module) }, seed, worker: i }
      const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData })
      worker.on('message', (reply: WorkerReply) => this.#onReply(worker, reply))
      worker.on('error', (error) => this.#fail(asDataError(error)))
      worker.on('exit', (code) => this.#fail(new DataError(`DataLoader: a worker ended with code ${code}`)))
      this.#workers.push(worker)
      this.#idle.push(worker)
    }
  }

  fetch(request: WorkerRequest): Promise<HostBatch> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure.error)
      this.#waiting.push({ request, resolve, reject })
      this.#dispatch()
    })
  }

  /** Ends all workers, also in the middle of a sample. */
  async close(): Promise<void> {
    this.#fail(new DataError('DataLoader: the workers were stopped'))
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }

  #dispatch(): void {
    while (this.#idle.length > 0 && this.#waiting.length > 0) {
      const worker = this.#idle.shift()!
      const task = this.#waiting.shift()!
      this.#running.set(worker, task)
      worker.postMessage(task.request)
    }
  }

  #onReply(worker: Worker, reply: WorkerReply): void {
    if ('error' in reply) {
      this.#fail(asDataError(reply.error))
      return
    }
    this.#running.get(worker)?.resolve(reply.batch)
    this.#running.delete(worker)
    this.#idle.push(worker)
    this.#dispatch()
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    for (const task of [...this.#running.values(), ...this.#waiting]) task.reject(this.#failure.error)
    this.#running.clear()
    this.#waiting.length = 0
  }
}

function asDataError(cause: unknown): DataError {
  if (cause instanceof DataError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  return new DataError(`DataLoader: a worker failed: ${message}`, { cause })
}
