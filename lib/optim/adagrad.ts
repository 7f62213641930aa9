// Adagrad.
import { type Checks, checkNumber, checkOptions } from '../check.js'
import { add, div, mul, sqrt, square, sub } from '../functional/index.js'
import { type DecayedOptions, type Element, ElementwiseOptimizer, type Scalar } from './elementwise.js'
import { checkRange, type Params } from './optimizer.js'

/** Options of {@link Adagrad}. */
export interface AdagradOptions extends DecayedOptions {
  /** At step t the rate is lr / (1 + (t − 1) · lrDecay); at least 0. Default 0. */
  lrDecay: number
  /** What the sum of squares starts from; at least 0. Default 0. */
  initialAccumulatorValue: number
  /** Added to the root of the sum of squares; at least 0. Default 1e-10. */
  eps: number
}

const checks: Checks<AdagradOptions> = {
  lr: checkNumber,
  lrDecay: checkNumber,
  weightDecay: checkNumber,
  initialAccumulatorValue: checkNumber,
  eps: checkNumber,
}

/**
 * Adagrad. Gradients are divided by the root of the sum of all their squares. Default lr: 0.01.
 * @throws ValueError if an option is negative, or as {@link Optimizer}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Adagrad.html
 * @see https://jmlr.org/papers/v12/duchi11a.html
 * @example const optimizer = new optim.Adagrad(net.parameters(), { lr: 0.05 })
 */
export class Adagrad extends ElementwiseOptimizer<AdagradOptions> {
  constructor(params: Params<AdagradOptions>, options: Partial<AdagradOptions> = {}) {
    checkOptions(new.target.name, options, checks)
    const { lr = 0.01, lrDecay = 0, weightDecay = 0, initialAccumulatorValue = 0, eps = 1e-10 } = options
    super(params, { lr, lrDecay, weightDecay, initialAccumulatorValue, eps })
  }

  protected override check(options: AdagradOptions): void {
    for (const name of ['lr', 'lrDecay', 'weightDecay', 'initialAccumulatorValue', 'eps'] as const) {
      checkRange('Adagrad', name, options[name])
    }
  }

  protected override stateNames(): readonly string[] {
    return ['sum']
  }

  /** @internal */
  protected override rule({ eps }: AdagradOptions, scalar: Scalar<AdagradOptions>) {
    const rate = scalar(({ lr, lrDecay }, step) => lr / (1 + (step - 1) * lrDecay))
    const start = scalar(({ initialAccumulatorValue }, step) => (step === 1 ? initialAccumulatorValue : 0))
    return ({ param, grad, state }: Element) => {
      const sum = state.sum!.copy_(add(add(state.sum!, start), square(grad)))
      param.copy_(sub(param, mul(div(grad, add(sqrt(sum), eps)), rate)))
    }
  }
}
