// Worker threads that make batches in host memory; it does not know the order in which they are wanted.
import { Worker } from 'node:worker_threads'
import { DataError } from '../errors.js'
import type { HostBatch } from './collate.js'
import type { DatasetSource } from './module-dataset.js'

export type WorkerReply = { batch: HostBatch } | { error: unknown }

interface Task {
  readonly indices: Int32Array
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

  constructor(source: DatasetSource, size: number) {
    const workerData: DatasetSource = { ...source, module: String(source.module) }
    for (let i = 0; i < size; i++) {
      const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData })
      worker.on('message', (reply: WorkerReply) => this.#onReply(worker, reply))
      worker.on('error', (error) => this.#fail(asDataError(error)))
      worker.on('exit', (code) => this.#fail(new DataError(`DataLoader: a worker ended with code ${code}`)))
      this.#workers.push(worker)
      this.#idle.push(worker)
    }
  }

  fetch(indices: Int32Array): Promise<HostBatch> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure.error)
      this.#waiting.push({ indices, resolve, reject })
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
      worker.postMessage(task.indices)
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
