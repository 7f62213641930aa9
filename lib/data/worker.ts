// The program of a DataLoader's worker thread: makes the dataset, then a batch for each message.
import { parentPort, workerData } from 'node:worker_threads'
import { fetchBatch } from './collate.js'
import { createDataset, type DatasetSource } from './module-dataset.js'
import type { WorkerReply } from './worker-pool.js'

const port = parentPort!
const dataset = createDataset(workerData as DatasetSource)
dataset.catch(sendError)

port.on('message', async (indices: Int32Array) => {
  try {
    const batch = await fetchBatch(await dataset, indices)
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
