// Optimizers of Adam's family that are written with ops: their options, and the two running means.
import { type Checks, checkBoolean, checkNumber, checkNumbers } from '../check.js'
import { sqrt, square } from '../functional/index.js'
import type { Tensor } from '../tensor.js'
import { average, checkBetas, type DecayedOptions, type Element, ElementwiseOptimizer } from './elementwise.js'
import { checkRange } from './optimizer.js'

/** Options of {@link NAdam} and {@link RAdam}. */
export interface MomentsOptions extends DecayedOptions {
  /** Decay rates of the running means of the gradient and of its square, each in [0, 1). Default [0.9, 0.999]. */
  betas: readonly [number, number]
  /** Added to the root of the mean square; at least 0. Default 1e-8. */
  eps: number
  /** Times the parameter, added to its gradient; times lr and the parameter, subtracted from it, if it is decoupled. At least 0. Default 0. */
  weightDecay: number
  /** Takes the weight decay apart from the gradient, as AdamW does. Default false. */
  decoupledWeightDecay: boolean
}

export const momentsChecks: Checks<MomentsOptions> = {
  lr: checkNumber,
  betas: checkNumbers,
  eps: checkNumber,
  weightDecay: checkNumber,
  decoupledWeightDecay: checkBoolean,
}

/** The base of {@link NAdam} and {@link RAdam}. */
export abstract class MomentsOptimizer<Options extends MomentsOptions> extends ElementwiseOptimizer<Options> {
  protected override check({ lr, betas, eps, weightDecay }: Options): void {
    const { name } = this.constructor
    checkRange(name, 'lr', lr)
    checkBetas(name, betas)
    checkRange(name, 'eps', eps)
    checkRange(name, 'weightDecay', weightDecay)
  }

  protected override stateNames(_options: Options): readonly string[] {
    return ['expAvg', 'expAvgSq']
  }

  /** @internal */
  protected override isDecoupled({ decoupledWeightDecay }: Options): boolean {
    return decoupledWeightDecay
  }
}

/** Updates both running means of a gradient; gives the mean, and the root of the mean square. Neither is corrected for its bias to 0. */
export function momentsOf({ grad, state }: Element, [beta1, beta2]: readonly [number, number]) {
  const { expAvg, expAvgSq } = state as { expAvg: Tensor; expAvgSq: Tensor }
  return { mean: average(expAvg, grad, beta1), root: sqrt(average(expAvgSq, square(grad), beta2)) }
}
