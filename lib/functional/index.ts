// Everything that is computed from tensors, as functions: the names, defaults and argument order are those of torch.nn.functional.
import './methods.js'

export type { PadMode } from '../../types/native.js'
export * from './activation.js'
export type { Dim, ReductionName, Size } from './arguments.js'
export {
  type ConvOptions,
  type ConvTransposeOptions,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  type PaddingMode,
} from './conv.js'
export * from './gathering.js'
export * from './linear.js'
export * from './loss.js'
export {
  abs,
  add,
  type ClampBounds,
  cast,
  ceil,
  clamp,
  cos,
  div,
  eq,
  erf,
  exp,
  expm1,
  floor,
  ge,
  gt,
  isnan,
  le,
  log,
  log1p,
  logicalAnd,
  logicalNot,
  logicalOr,
  lt,
  maximum,
  minimum,
  mul,
  ne,
  neg,
  pow,
  reciprocal,
  round,
  rsqrt,
  sign,
  sin,
  sqrt,
  square,
  sub,
  where,
} from './math.js'
export * from './norm.js'
export * from './pool.js'
export * from './random.js'
export * from './reduce.js'
export * from './resample.js'
export * from './shape.js'
