// The program of a DataLoader's worker thread: makes the dataset, then a batch for each message.
import { parentPort, workerData } from 'node:worker_threads'
import { fetchBatch } from './collate.js'
import { createDataset } from './module-dataset.js'
import type { WorkerReply, WorkerRequest, WorkerSettings } from './worker-pool.js'
import { seedFrom, seedWorker } from './worker-random.js'

const port = parentPort!
const { source, seed, worker } = workerData as WorkerSettings
// What workers draw while they make the data set begins at their own number, and what they draw for a sample at its own, so that it does
// not matter who makes it.
const [ofWorkers, ofSamples] = [0, 1]
seedWorker(seedFrom(seed, ofWorkers, worker))
const dataset = createDataset(source)
dataset.catch(sendError)

port.on('message', async ({ indices, first }: WorkerRequest) => {
  try {
    const seedSample = (place: number) => seedWorker(seedFrom(seed, ofSamples, first + place))
    const batch = await fetchBatch(await dataset, indices, seedSample)
    const reply: WorkerReply = { batch }
    // The buffers move to the main thread: no copy.
    port.postMessage(reply, [batch.x.data.buffer as ArrayBuffer, batch.y.data.buffer as ArrayBuffer])
  } catch (error) {
    sendError(error)
  }
})

function sendError(error: unknown): void {
  try {
    port.postMessage({ error } satisfies WorkerReply)
  } catch {
    // It has something that cannot be copied, such as a function.
    const message = error instanceof Error ? error.message : String(error)
    port.postMessage({ error: new Error(message) } satisfies WorkerReply)
  }
}
