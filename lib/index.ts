// What the package exports.
/// <reference types="node" preserve="true" />
export type { DataOf, DeviceName, DType, TensorData } from '../types/dtype.js'
export type { Dim, NestedArray, Operand, ReduceOptions } from '../types/tensor.js'
export { autocast, autocastType, type HalfType } from './autocast.js'
export * as blocks from './blocks/index.js'
export { type Compiled, type CompiledMethods, type CompileOptions, compile, type ProgramInfo } from './compile.js'
export * from './creation.js'
export * as data from './data/index.js'
export * from './devices.js'
export * from './errors.js'
export * as functional from './functional/index.js'
export { GradScaler, type GradScalerOptions, type GradScalerState, type Steppable } from './grad-scaler.js'
export * as models from './models/index.js'
export * as nn from './nn/index.js'
export * as optim from './optim/index.js'
export { type MeasuredPeak, Profile, type ProfiledStep } from './profile.js'
export * from './safetensors.js'
export {
  type BackwardOptions,
  enableGrad,
  grad,
  isGradEnabled,
  noGrad,
  Tensor,
} from './tensor.js'
export { keep, tidy } from './tidy.js'
export * as train from './train/index.js'
export { Trainer } from './train/index.js'
