// RMSprop.
import { type Checks, checkBoolean, checkNumber, checkOptions } from '../check.js'
import { native } from '../native.js'
import { NativeOptimizer } from './native.js'
import { type Bucket, checkRange, type GroupOptions, handles, handlesOf, type Params } from './optimizer.js'

/** Options of {@link RMSprop}. */
export interface RMSpropOptions extends GroupOptions {
  /** Decay rate of the running mean of the squared gradient; at least 0. Default 0.99. */
  alpha: number
  /** Added to the root of the mean square; at least 0. Default 1e-8. */
  eps: number
  /** Times the parameter, added to its gradient; at least 0. Default 0. */
  weightDecay: number
  /** Factor of the last update that is added to this one; at least 0. Default 0. */
  momentum: number
  /** Divide by the estimated deviation instead of the root mean square. Default false. */
  centered: boolean
}

type RMSpropFields = readonly [lr: number, alpha: number, eps: number, weightDecay: number, momentum: number]
const rmspropChecks: Checks<RMSpropOptions> = {
  lr: checkNumber,
  alpha: checkNumber,
  eps: checkNumber,
  weightDecay: checkNumber,
  momentum: checkNumber,
  centered: checkBoolean,
}

/**
 * RMSprop. Gradients are divided by the root of a running mean of their squares. Default lr: 0.01.
 * @throws ValueError if an option is negative, or as {@link Optimizer}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
 * @see https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
 * @example const optimizer = new optim.RMSprop(net.parameters(), { lr: 1e-3, momentum: 0.9 })
 */
export class RMSprop extends NativeOptimizer<RMSpropOptions, RMSpropFields> {
  constructor(params: Params<RMSpropOptions>, options: Partial<RMSpropOptions> = {}) {
    checkOptions(new.target.name, options, rmspropChecks)
    const { lr = 0.01, alpha = 0.99, eps = 1e-8, weightDecay = 0, momentum = 0, centered = false } = options
    super(params, { lr, alpha, eps, weightDecay, momentum, centered })
  }

  protected override check(options: RMSpropOptions): void {
    for (const name of ['lr', 'alpha', 'eps', 'weightDecay', 'momentum'] as const) {
      checkRange('RMSprop', name, options[name])
    }
  }

  protected override stateNames({ momentum, centered }: RMSpropOptions): readonly string[] {
    return ['squareAvg', ...(momentum > 0 ? ['momentumBuffer'] : []), ...(centered ? ['gradAvg'] : [])]
  }

  /** @internal */
  protected override call(options: RMSpropOptions, bucket: Bucket, fields: RMSpropFields): void {
    const { params, grads } = bucket
    native.ops.rmsProp(
      handles(params),
      handles(grads),
      handlesOf(bucket, 'squareAvg'),
      options.momentum > 0 ? handlesOf(bucket, 'momentumBuffer') : [],
      options.centered ? handlesOf(bucket, 'gradAvg') : [],
      params.length,
      options.centered,
      ...fields,
    )
  }

  /** @internal */
  protected override fields({ lr, alpha, eps, weightDecay, momentum }: RMSpropOptions): RMSpropFields {
    return [lr, alpha, eps, weightDecay, momentum]
  }
}
