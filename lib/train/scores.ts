// Loss and metrics of a batch as one small tensor, and their running means: one read a step.
import { cat } from '../functional/index.js'
import type { Tensor } from '../tensor.js'
import type { Metric, Scores } from './types.js'

/** Whether targets are class numbers: int32 [N, …] for outputs [N, C, …]. */
function hasClasses(output: Tensor, target: Tensor): boolean {
  return target.dtype === 'int32' && output.rank === target.rank + 1
}

const accuracy: Metric = (output, target) => output.argmax(1).eq(target).to('float32').mean()

/** What is measured of a batch: the loss first, then each metric. */
export interface Measured {
  readonly names: readonly string[]
  /** float32 [1 + metrics] */
  readonly values: Tensor
}

/** To be called inside `tidy` and `noGrad`. */
export function measure(
  loss: Tensor,
  output: Tensor,
  target: Tensor,
  metrics: Readonly<Record<string, Metric>> | undefined,
): Measured {
  const chosen = metrics ?? (hasClasses(output, target) ? { accuracy } : {})
  const scalars = [loss.detach(), ...Object.values(chosen).map((metric) => metric(output, target))]
  return {
    names: Object.keys(chosen),
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
