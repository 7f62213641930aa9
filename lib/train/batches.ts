// Iterates over batches so that an abort is noticed at once and no batch is left behind.
import { refuse } from '../check.js'
import { Tensor } from '../tensor.js'
import type { BatchSource, TrainingBatch } from './types.js'

/** Calls `use` with each batch and frees it afterwards. Rejects with the signal's reason when it aborts. */
export async function eachBatch(
  source: BatchSource,
  signal: AbortSignal | undefined,
  use: (batch: TrainingBatch) => Promise<void>,
): Promise<void> {
  checkSource('Trainer', 'loader', source)
  signal?.throwIfAborted()
  const iterator = source[Symbol.asyncIterator]()
  let isDone = false
  try {
    for (;;) {
      const result = await unlessAborted(iterator.next(), signal)
      if (result.done) {
        isDone = true
        return
      }
      try {
        checkBatch(result.value)
        await use(result.value)
      } finally {
        free(result.value)
      }
    }
  } finally {
    if (!isDone) {
      const stopping = Promise.resolve(iterator.return?.()).catch(() => {})
      // After an abort the source may still be busy with a batch: it stops by itself when it has delivered.
      if (!signal?.aborted) await stopping
    }
  }
}

/** Refuses what gives no batches. */
export function checkSource(op: string, name: string, source: unknown): void {
  const isSource = typeof source === 'object' && source !== null && Symbol.asyncIterator in source
  if (!isSource || typeof source[Symbol.asyncIterator] !== 'function') {
    refuse(op, name, source, 'a DataLoader, or an async iterable of { x, y }')
  }
}

function checkBatch(batch: unknown): void {
  if (typeof batch !== 'object' || batch === null) refuse('Trainer', 'a batch', batch, 'tensors { x, y }')
  const { x, y } = batch as Partial<TrainingBatch>
  for (const [name, value] of Object.entries({ x, y })) {
    if (!(value instanceof Tensor)) refuse('Trainer', `${name} of a batch`, value, 'a tensor')
  }
}

/** `next`, or the signal's reason as soon as it aborts; a batch that comes later is freed. */
async function unlessAborted(
  next: Promise<IteratorResult<TrainingBatch>>,
  signal: AbortSignal | undefined,
): Promise<IteratorResult<TrainingBatch>> {
  if (!signal) return next
  // A promise for each step: racing against one that lives as long as the fit would hold a reaction for every step.
  return new Promise((resolve, reject) => {
    const abort = () => {
      next.then(({ value }) => value && free(value)).catch(() => {})
      reject(signal.reason)
    }
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    next.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

function free(batch: TrainingBatch): void {
  for (const tensor of [batch?.x, batch?.y]) if (tensor instanceof Tensor) tensor.dispose()
}
