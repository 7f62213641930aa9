// Loss and metrics of a batch as one small tensor, and their running means: one read a step.
import { checkTensor } from '../functional/arguments.js'
import { cat } from '../functional/index.js'
import { Tensor } from '../tensor.js'
import type { Metric, Scores } from './types.js'

/** The output itself, or its field `logits` where a network has several outputs. */
function logitsOf(output: unknown): Tensor | undefined {
  if (output instanceof Tensor) return output
  const { logits } = (output ?? {}) as { logits?: unknown }
  return logits instanceof Tensor ? logits : undefined
}

/** The share of right classes, where targets are class numbers: int32 [N, …] for logits [N, C, …]. */
function accuracy(output: unknown, target: Tensor): Tensor | undefined {
  const logits = logitsOf(output)
  if (!logits || target.dtype !== 'int32' || logits.rank !== target.rank + 1) return undefined
  return logits.argmax(1).eq(target).to('float32').mean()
}

/** What is measured of a batch: the loss first, then each metric. */
export interface Measured {
  readonly names: readonly string[]
  /** float32 [1 + metrics] */
  readonly values: Tensor
  /** Of the gradients, where somebody watches it: a scalar. */
  readonly norm?: Tensor | undefined
}

/** To be called inside `tidy` and `noGrad`. */
export function measure<Output>(
  loss: Tensor,
  output: Output,
  target: Tensor,
  metrics: Readonly<Record<string, Metric<Output>>> | undefined,
): Measured {
  const measured: Record<string, Tensor> = {}
  if (metrics) {
    for (const [name, metric] of Object.entries(metrics)) {
      const value = metric(output, target)
      checkTensor('Trainer', `what the metric ${name} returned`, value)
      measured[name] = value
    }
  } else {
    const share = accuracy(output, target)
    if (share) measured.accuracy = share
  }
  const scalars = [loss.detach(), ...Object.values(measured)]
  return {
    names: Object.keys(measured),
    values: cat(
      scalars.map((scalar) => scalar.to('float32').reshape([1])),
      0,
    ),
  }
}

/** Means weighted by the number of examples, so that a short last batch counts for what it is. */
export class RunningScores {
  examples = 0
  #names: readonly string[] = []
  #sums: number[] = []

  add(names: readonly string[], values: ArrayLike<number>, examples: number): void {
    this.#names = names
    this.examples += examples
    for (let i = 0; i < values.length; i++) this.#sums[i] = (this.#sums[i] ?? 0) + values[i]! * examples
  }

  /** NaN where nothing was added. */
  get scores(): Scores {
    const mean = (i: number) => (this.#sums[i] ?? Number.NaN) / this.examples
    const metrics = Object.fromEntries(this.#names.map((name, i) => [name, mean(i + 1)]))
    return {
      loss: mean(0),
      ...(metrics.accuracy === undefined ? {} : { accuracy: metrics.accuracy }),
      metrics,
    }
  }
}
