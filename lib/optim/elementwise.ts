// What the optimizers share that are written with ops: they go over the parameters of a bucket and over running means.
import { checkList } from '../check.js'
import { add, mul } from '../functional/index.js'
import type { Tensor } from '../tensor.js'
import { type Bucket, checkRange, type GroupOptions, Optimizer } from './optimizer.js'

/** Options that all of these optimizers have. */
export interface DecayedOptions extends GroupOptions {
  /** Times the parameter, added to its gradient; at least 0. Default 0. */
  weightDecay: number
}

/** One parameter, its gradient with the weight decay in it, and its state by name. */
export interface Element {
  readonly param: Tensor
  readonly grad: Tensor
  readonly state: Readonly<Record<string, Tensor>>
}

/** Numbers of a step, as scalar tensors that a compiled step computes anew at each run. */
export type Scalar<Options> = (value: (options: Options, step: number) => number) => Tensor

/** The base of optimizers that treat each parameter by itself, as a formula over its gradient and its state. */
export abstract class ElementwiseOptimizer<Options extends DecayedOptions> extends Optimizer<Options> {
  /**
   * The formula: made once for a bucket, it returns what is done to each of its parameters. `scalar` is `this.scalar` of that bucket.
   * @internal
   */
  protected abstract rule(options: Options, scalar: Scalar<Options>): (element: Element) => void

  /**
   * Whether weight decay shrinks the parameter, as in AdamW, and is no part of the gradient.
   * @internal
   */
  protected isDecoupled(_options: Options): boolean {
    return false
  }

  protected override update(options: Options, bucket: Bucket): void {
    const scalar: Scalar<Options> = (value) => this.scalar(bucket, value)
    const apply = this.rule(options, scalar)
    const hasDecay = options.weightDecay !== 0
    const kept = hasDecay && this.isDecoupled(options) && scalar(({ lr, weightDecay }) => 1 - lr * weightDecay)
    const decay = hasDecay && !kept && scalar(({ weightDecay }) => weightDecay)
    for (const [i, param] of bucket.params.entries()) {
      if (kept) param.copy_(mul(param, kept))
      const grad = bucket.grads[i]!
      apply({ param, grad: decay ? add(grad, mul(param, decay)) : grad, state: bucket.states[i]!.tensors })
    }
  }
}

/** mean ← rate · mean + (1 − rate) · value, in place. */
export function average(mean: Tensor, value: Tensor, rate: number): Tensor {
  return mean.copy_(add(mul(mean, rate), mul(value, 1 - rate)))
}

/**
 * Checks two decay rates.
 * @throws ValueError if they are not two numbers in [0, 1).
 */
export function checkBetas(optimizer: string, betas: readonly [number, number]): void {
  checkList(optimizer, 'betas', betas)
  checkRange(optimizer, 'betas[0]', betas[0], 1)
  checkRange(optimizer, 'betas[1]', betas[1], 1)
}
