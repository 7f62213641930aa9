// Adadelta.
import { type Checks, checkNumber, checkOptions } from '../check.js'
import { add, div, mul, sqrt, square, sub } from '../functional/index.js'
import type { Tensor } from '../tensor.js'
import { average, type DecayedOptions, type Element, ElementwiseOptimizer, type Scalar } from './elementwise.js'
import { checkRange, type Params } from './optimizer.js'

/** Options of {@link Adadelta}. */
export interface AdadeltaOptions extends DecayedOptions {
  /** Decay rate of both running means, in [0, 1). Default 0.9. */
  rho: number
  /** Added to the mean squares under their roots; at least 0. Default 1e-6. */
  eps: number
}

const checks: Checks<AdadeltaOptions> = {
  lr: checkNumber,
  rho: checkNumber,
  eps: checkNumber,
  weightDecay: checkNumber,
}

/**
 * Adadelta. The size of a step is that of the steps before it, so there is next to no rate to choose. Default lr: 1.
 * @throws ValueError if an option is out of range, or as {@link Optimizer}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Adadelta.html
 * @see https://arxiv.org/abs/1212.5701
 * @example const optimizer = new optim.Adadelta(net.parameters(), { rho: 0.95 })
 */
export class Adadelta extends ElementwiseOptimizer<AdadeltaOptions> {
  constructor(params: Params<AdadeltaOptions>, options: Partial<AdadeltaOptions> = {}) {
    checkOptions(new.target.name, options, checks)
    const { lr = 1, rho = 0.9, eps = 1e-6, weightDecay = 0 } = options
    super(params, { lr, rho, eps, weightDecay })
  }

  protected override check({ lr, rho, eps, weightDecay }: AdadeltaOptions): void {
    checkRange('Adadelta', 'lr', lr)
    checkRange('Adadelta', 'rho', rho, 1)
    checkRange('Adadelta', 'eps', eps)
    checkRange('Adadelta', 'weightDecay', weightDecay)
  }

  protected override stateNames(): readonly string[] {
    return ['squareAvg', 'accDelta']
  }

  /** @internal */
  protected override rule({ rho, eps }: AdadeltaOptions, scalar: Scalar<AdadeltaOptions>) {
    const lr = scalar((options) => options.lr)
    return ({ param, grad, state }: Element) => {
      const { squareAvg, accDelta } = state as { squareAvg: Tensor; accDelta: Tensor }
      average(squareAvg, square(grad), rho)
      const delta = mul(div(sqrt(add(accDelta, eps)), sqrt(add(squareAvg, eps))), grad)
      average(accDelta, square(delta), rho)
      param.copy_(sub(param, mul(delta, lr)))
    }
  }
}
