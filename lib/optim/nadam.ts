// NAdam.
import { type Checks, checkNumber, checkOptions } from '../check.js'
import { add, div, mul, sub } from '../functional/index.js'
import type { Element, Scalar } from './elementwise.js'
import { MomentsOptimizer, type MomentsOptions, momentsChecks, momentsOf } from './moments.js'
import { checkRange, type Params } from './optimizer.js'

/** Options of {@link NAdam}. */
export interface NAdamOptions extends MomentsOptions {
  /** How fast the momentum rises to betas[0]; at least 0. Default 4e-3. */
  momentumDecay: number
}

const checks: Checks<NAdamOptions> = { ...momentsChecks, momentumDecay: checkNumber }

/** The momentum at a step: beta1 · (1 − 0.96^(step · momentumDecay) / 2). */
function momentumAt({ betas, momentumDecay }: NAdamOptions, step: number): number {
  return betas[0] * (1 - 0.5 * 0.96 ** (step * momentumDecay))
}

/** The products of the momenta of steps 1 to step, each made of the one before: a product anew at each step would cost as many factors. */
class MomentumProducts {
  readonly #known = new Map<string, { step: number; product: number }>()

  at(options: NAdamOptions, step: number): number {
    const key = `${options.betas[0]} ${options.momentumDecay}`
    let { step: done, product } = this.#known.get(key) ?? { step: 0, product: 1 }
    if (done > step) [done, product] = [0, 1]
    while (done < step) product *= momentumAt(options, ++done)
    this.#known.set(key, { step, product })
    return product
  }
}

/**
 * NAdam: Adam with Nesterov's momentum. Default lr: 2e-3.
 * @throws ValueError if an option is out of range, or as {@link Optimizer}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.NAdam.html
 * @see https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ
 * @example const optimizer = new optim.NAdam(net.parameters(), { lr: 1e-3 })
 */
export class NAdam extends MomentsOptimizer<NAdamOptions> {
  readonly #products = new MomentumProducts()

  constructor(params: Params<NAdamOptions>, options: Partial<NAdamOptions> = {}) {
    checkOptions(new.target.name, options, checks)
    const { lr = 2e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, momentumDecay = 4e-3 } = options
    const { decoupledWeightDecay = false } = options
    super(params, { lr, betas, eps, weightDecay, momentumDecay, decoupledWeightDecay })
  }

  protected override check(options: NAdamOptions): void {
    super.check(options)
    checkRange('NAdam', 'momentumDecay', options.momentumDecay)
  }

  /** @internal */
  protected override rule({ betas, eps }: NAdamOptions, scalar: Scalar<NAdamOptions>) {
    const products = this.#products
    const ofGradient = scalar((now, step) => (now.lr * (1 - momentumAt(now, step))) / (1 - products.at(now, step)))
    const ofMean = scalar((now, step) => {
      const next = momentumAt(now, step + 1)
      return (now.lr * next) / (1 - products.at(now, step) * next)
    })
    const correction = scalar((now, step) => 1 / Math.sqrt(1 - now.betas[1] ** step))
    return (element: Element) => {
      const { param, grad } = element
      const { mean, root } = momentsOf(element, betas)
      const direction = add(mul(grad, ofGradient), mul(mean, ofMean))
      param.copy_(sub(param, div(direction, add(mul(root, correction), eps))))
    }
  }
}
