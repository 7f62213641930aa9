// Adam and AdamW.
import { type Checks, checkBoolean, checkList, checkNumber, checkNumbers, checkOptions } from '../check.js'
import { native } from '../native.js'
import { NativeOptimizer } from './native.js'
import { type Bucket, checkRange, type GroupOptions, handles, handlesOf, type Params } from './optimizer.js'

/** Options of {@link Adam} and {@link AdamW}. */
export interface AdamOptions extends GroupOptions {
  /** Decay rates of the running means of the gradient and of its square, each in [0, 1). Default [0.9, 0.999]. */
  betas: readonly [number, number]
  /** Added to the root of the mean square; at least 0. Default 1e-8. */
  eps: number
  /**
   * Adam: times the parameter, added to its gradient. AdamW: times lr and the parameter, subtracted from it. At least 0. Default 0; AdamW: 0.01.
   */
  weightDecay: number
  /** Divides by the root of the largest mean square so far instead of the present one. Default false. */
  amsgrad: boolean
}

const adamChecks: Checks<AdamOptions> = {
  lr: checkNumber,
  betas: checkNumbers,
  eps: checkNumber,
  weightDecay: checkNumber,
  amsgrad: checkBoolean,
}

type AdamFields = readonly [lr: number, beta1: number, beta2: number, eps: number, weightDecay: number, step: number]

abstract class AdamBase extends NativeOptimizer<AdamOptions, AdamFields> {
  /** @internal */
  protected abstract readonly isDecoupled: boolean

  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions>, decay: number) {
    checkOptions(new.target.name, options, adamChecks)
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = decay, amsgrad = false } = options
    super(params, { lr, betas, eps, weightDecay, amsgrad })
  }

  protected override check({ lr, betas, eps, weightDecay }: AdamOptions): void {
    const name = this.constructor.name
    checkRange(name, 'lr', lr)
    checkList(name, 'betas', betas)
    checkRange(name, 'betas[0]', betas[0], 1)
    checkRange(name, 'betas[1]', betas[1], 1)
    checkRange(name, 'eps', eps)
    checkRange(name, 'weightDecay', weightDecay)
  }

  protected override stateNames({ amsgrad }: AdamOptions): readonly string[] {
    return amsgrad ? ['expAvg', 'expAvgSq', 'maxExpAvgSq'] : ['expAvg', 'expAvgSq']
  }

  /** @internal */
  protected override call(options: AdamOptions, bucket: Bucket, fields: AdamFields): void {
    const { params, grads } = bucket
    native.ops.adam(
      handles(params),
      handles(grads),
      handlesOf(bucket, 'expAvg'),
      handlesOf(bucket, 'expAvgSq'),
      options.amsgrad ? handlesOf(bucket, 'maxExpAvgSq') : [],
      params.length,
      this.isDecoupled,
      ...fields,
    )
  }

  /** @internal */
  protected override fields({ lr, betas, eps, weightDecay }: AdamOptions, step: number): AdamFields {
    return [lr, betas[0], betas[1], eps, weightDecay, step]
  }
}

/**
 * Adam. Steps are divided by the root of a running mean of squared gradients; weight decay is part of the gradient. Default lr: 1e-3.
 * @throws ValueError if an option is out of range, or as {@link Optimizer}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html
 * @see https://arxiv.org/abs/1412.6980
 * @example const optimizer = new optim.Adam(net.parameters(), { lr: 3e-4 })
 */
export class Adam extends AdamBase {
  /** @internal */
  protected override get isDecoupled(): boolean {
    return false
  }
  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, options, 0)
  }
}

/**
 * Adam with weight decay apart from the gradient, 0.01 by default. Default lr: 1e-3.
 * @throws ValueError if an option is out of range, or as {@link Optimizer}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html
 * @see https://arxiv.org/abs/1711.05101
 * @example const optimizer = new optim.AdamW(net.parameters(), { lr: 3e-4, weightDecay: 0.05 })
 */
export class AdamW extends AdamBase {
  /** @internal */
  protected override get isDecoupled(): boolean {
    return true
  }
  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, options, 0.01)
  }
}
