// Stochastic gradient descent.
import { type Checks, checkBoolean, checkNumber, checkOptions } from '../check.js'
import { ValueError } from '../errors.js'
import { native } from '../native.js'
import { NativeOptimizer } from './native.js'
import { type Bucket, checkRange, type GroupOptions, handles, handlesOf, type Params } from './optimizer.js'

/** Options of {@link SGD}. */
export interface SGDOptions extends GroupOptions {
  /** Factor of the last update that is added to this one; at least 0. Default 0. */
  momentum: number
  /** The gradient enters the momentum times 1 − dampening, but the first one whole. Default 0. */
  dampening: number
  /** Times the parameter, added to its gradient; at least 0. Default 0. */
  weightDecay: number
  /** Nesterov's momentum. It needs momentum above 0 and dampening 0. Default false. */
  nesterov: boolean
}

type SGDFields = readonly [lr: number, momentum: number, dampening: number, weightDecay: number, step: number]
const sgdChecks: Checks<SGDOptions> = {
  lr: checkNumber,
  momentum: checkNumber,
  dampening: checkNumber,
  weightDecay: checkNumber,
  nesterov: checkBoolean,
}

/**
 * Stochastic gradient descent, with momentum if asked to. Default lr: 1e-3.
 * @throws ValueError if an option is negative, nesterov comes without momentum or with dampening, or as {@link Optimizer}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
 * @see https://proceedings.mlr.press/v28/sutskever13.html
 * @example const optimizer = new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9 })
 */
export class SGD extends NativeOptimizer<SGDOptions, SGDFields> {
  constructor(params: Params<SGDOptions>, options: Partial<SGDOptions> = {}) {
    checkOptions(new.target.name, options, sgdChecks)
    const { lr = 1e-3, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false } = options
    super(params, { lr, momentum, dampening, weightDecay, nesterov })
  }

  protected override check(options: SGDOptions): void {
    checkRange('SGD', 'lr', options.lr)
    checkRange('SGD', 'momentum', options.momentum)
    checkRange('SGD', 'weightDecay', options.weightDecay)
    if (options.nesterov && !(options.momentum > 0 && options.dampening === 0)) {
      throw new ValueError('SGD: nesterov needs a momentum above 0 and a dampening of 0')
    }
  }

  protected override stateNames({ momentum }: SGDOptions): readonly string[] {
    return momentum > 0 ? ['momentumBuffer'] : []
  }

  /** @internal */
  protected override call(options: SGDOptions, bucket: Bucket, fields: SGDFields): void {
    const { params, grads } = bucket
    native.ops.sgd(
      handles(params),
      handles(grads),
      options.momentum > 0 ? handlesOf(bucket, 'momentumBuffer') : [],
      params.length,
      options.nesterov,
      ...fields,
    )
  }

  /** @internal */
  protected override fields({ lr, momentum, dampening, weightDecay }: SGDOptions, step: number): SGDFields {
    // Only the first step differs from all others: what stays the same can be recorded.
    return [lr, momentum, dampening, weightDecay, Math.min(step, 2)]
  }
}
