// Tables of checks for options that functions and modules share. Not public.
import {
  among,
  atLeastZero,
  type Check,
  type Checks,
  checkBoolean,
  checkList,
  checkNumber,
  checkNumbers,
  checkSizeOrSizes,
  probability,
} from '../check.js'
import type { GELUOptions, SoftplusOptions } from './activation.js'
import { tensorOrNull } from './arguments.js'
import type {
  BCEOptions,
  BCEWithLogitsOptions,
  CrossEntropyOptions,
  KlDivOptions,
  LossOptions,
  NllLossOptions,
  SmoothL1Options,
} from './loss.js'
import type { LocalResponseNormOptions } from './norm.js'
import type { AvgPoolOptions, GlobalPoolOptions, MaxPoolOptions, MaxUnpoolOptions } from './pool.js'
import type { InterpolateOptions } from './resample.js'

export const geluChecks: Checks<GELUOptions> = { approximate: among('none', 'tanh') }
export const softplusChecks: Checks<SoftplusOptions> = { beta: checkNumber, threshold: checkNumber }

export const lossChecks: Checks<LossOptions> = { reduction: among('none', 'mean', 'sum') }
export const nllChecks: Checks<NllLossOptions> = { ...lossChecks, weight: tensorOrNull, ignoreIndex: checkNumber }
export const crossEntropyChecks: Checks<CrossEntropyOptions> = { ...nllChecks, labelSmoothing: probability }
export const klDivChecks: Checks<KlDivOptions> = {
  reduction: among('none', 'mean', 'sum', 'batchmean'),
  logTarget: checkBoolean,
}
export const bceChecks: Checks<BCEOptions> = { ...lossChecks, weight: tensorOrNull }
export const bceWithLogitsChecks: Checks<BCEWithLogitsOptions> = { ...bceChecks, posWeight: tensorOrNull }
export const smoothL1Checks: Checks<SmoothL1Options> = { ...lossChecks, beta: atLeastZero }

export const localResponseNormChecks: Checks<LocalResponseNormOptions> = {
  alpha: checkNumber,
  beta: checkNumber,
  k: checkNumber,
}

const windowChecks = { stride: checkSizeOrSizes, padding: checkSizeOrSizes }
export const indicesChecks: Checks<{ returnIndices?: boolean }> = { returnIndices: checkBoolean }
export const maxPoolChecks: Checks<MaxPoolOptions & { returnIndices?: boolean }> = {
  ...windowChecks,
  dilation: checkSizeOrSizes,
  ceilMode: checkBoolean,
  ...indicesChecks,
}
export const maxUnpoolChecks: Checks<MaxUnpoolOptions> = { ...windowChecks, outputSize: checkNumbers }
export const avgPoolChecks: Checks<AvgPoolOptions> = {
  ...windowChecks,
  ceilMode: checkBoolean,
  countIncludePad: checkBoolean,
  divisorOverride: checkNumber,
}
export const globalPoolChecks: Checks<GlobalPoolOptions> = { keepdim: checkBoolean }

/** Sizes of an adaptive pool; null keeps one. */
export const checkAdaptiveSize: Check = (op, name, value) => {
  if (typeof value === 'number') return
  checkList(op, name, value)
  for (const [i, size] of value.entries()) if (size !== null) checkNumber(op, `${name}[${i}]`, size)
}

export const interpolateChecks: Checks<InterpolateOptions> = {
  size: checkSizeOrSizes,
  scaleFactor: checkSizeOrSizes,
  mode: among('nearest', 'linear', 'bilinear', 'trilinear'),
  alignCorners: checkBoolean,
}
