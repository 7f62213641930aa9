// Adamax.
import { type Checks, checkNumber, checkNumbers, checkOptions } from '../check.js'
import { abs, add, div, maximum, mul, sub } from '../functional/index.js'
import type { Tensor } from '../tensor.js'
import {
  average,
  checkBetas,
  type DecayedOptions,
  type Element,
  ElementwiseOptimizer,
  type Scalar,
} from './elementwise.js'
import { checkRange, type Params } from './optimizer.js'

/** Options of {@link Adamax}. */
export interface AdamaxOptions extends DecayedOptions {
  /** Decay rates of the running mean of the gradient and of its largest magnitude, each in [0, 1). Default [0.9, 0.999]. */
  betas: readonly [number, number]
  /** Added to the magnitude of the gradient; at least 0. Default 1e-8. */
  eps: number
}

const checks: Checks<AdamaxOptions> = {
  lr: checkNumber,
  betas: checkNumbers,
  eps: checkNumber,
  weightDecay: checkNumber,
}

/**
 * Adamax: Adam by the largest magnitude of a gradient so far, which decays, instead of its mean square. Default lr: 2e-3.
 * @throws ValueError if an option is out of range, or as {@link Optimizer}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Adamax.html
 * @see https://arxiv.org/abs/1412.6980
 * @example const optimizer = new optim.Adamax(net.parameters(), { lr: 1e-3 })
 */
export class Adamax extends ElementwiseOptimizer<AdamaxOptions> {
  constructor(params: Params<AdamaxOptions>, options: Partial<AdamaxOptions> = {}) {
    checkOptions(new.target.name, options, checks)
    const { lr = 2e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options
    super(params, { lr, betas, eps, weightDecay })
  }

  protected override check({ lr, betas, eps, weightDecay }: AdamaxOptions): void {
    checkRange('Adamax', 'lr', lr)
    checkBetas('Adamax', betas)
    checkRange('Adamax', 'eps', eps)
    checkRange('Adamax', 'weightDecay', weightDecay)
  }

  protected override stateNames(): readonly string[] {
    return ['expAvg', 'expInf']
  }

  /** @internal */
  protected override rule({ betas: [beta1, beta2], eps }: AdamaxOptions, scalar: Scalar<AdamaxOptions>) {
    const rate = scalar(({ lr, betas }, step) => lr / (1 - betas[0] ** step))
    return ({ param, grad, state }: Element) => {
      const { expAvg, expInf } = state as { expAvg: Tensor; expInf: Tensor }
      average(expAvg, grad, beta1)
      expInf.copy_(maximum(mul(expInf, beta2), add(abs(grad), eps)))
      param.copy_(sub(param, mul(div(expAvg, expInf), rate)))
    }
  }
}
