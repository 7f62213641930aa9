// RAdam.
import { checkOptions } from '../check.js'
import { add, div, mul, sub } from '../functional/index.js'
import type { Element, Scalar } from './elementwise.js'
import { MomentsOptimizer, type MomentsOptions, momentsChecks, momentsOf } from './moments.js'
import type { Params } from './optimizer.js'

/** Options of {@link RAdam}. */
export type RAdamOptions = MomentsOptions

/** The rate of a step that is divided by the root of the mean square, and of one that is not. One of them is 0. */
function ratesOf({ lr, betas: [beta1, beta2] }: RAdamOptions, step: number): { adaptive: number; plain: number } {
  const rate = lr / (1 - beta1 ** step)
  const bias = 1 - beta2 ** step
  // Lengths of the simple moving average that has the variance of the running mean: in the end, and so far (equation 5 of the paper).
  const longest = 2 / (1 - beta2) - 1
  const length = longest - (2 * step * beta2 ** step) / bias
  if (length <= 5) return { adaptive: 0, plain: rate }
  const rectified = ((length - 4) * (length - 2) * longest) / ((longest - 4) * (longest - 2) * length)
  return { adaptive: rate * Math.sqrt(rectified * bias), plain: 0 }
}

/**
 * RAdam: Adam that warms up by itself, since its first steps, whose mean squares say little, go without them. Default lr: 1e-3.
 * @throws ValueError if an option is out of range, or as {@link Optimizer}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.RAdam.html
 * @see https://arxiv.org/abs/1908.03265
 * @example const optimizer = new optim.RAdam(net.parameters(), { lr: 1e-3 })
 */
export class RAdam extends MomentsOptimizer<RAdamOptions> {
  constructor(params: Params<RAdamOptions>, options: Partial<RAdamOptions> = {}) {
    checkOptions(new.target.name, options, momentsChecks)
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, decoupledWeightDecay = false } = options
    super(params, { lr, betas, eps, weightDecay, decoupledWeightDecay })
  }

  /** @internal */
  protected override rule({ betas, eps }: RAdamOptions, scalar: Scalar<RAdamOptions>) {
    const adaptive = scalar((now, step) => ratesOf(now, step).adaptive)
    const plain = scalar((now, step) => ratesOf(now, step).plain)
    return (element: Element) => {
      const { param } = element
      const { mean, root } = momentsOf(element, betas)
      param.copy_(sub(param, mul(mean, add(div(adaptive, add(root, eps)), plain))))
    }
  }
}
