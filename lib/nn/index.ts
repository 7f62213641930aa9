// Layers, losses, containers and what goes with them: the names are those of torch.nn.
export * from './activation.js'
export { Identity, type LayerAt, ModuleList, Sequential } from './containers.js'
export {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvArguments,
  type ConvModuleOptions,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeArguments,
  type ConvTransposeModuleOptions,
} from './conv.js'
export * from './dropout.js'
export * as init from './init.js'
export * from './linear.js'
export * from './loss.js'
export { type AnyLayer, type AnyModule, type Layer, Module } from './module.js'
export * from './norm.js'
export { Buffer, type FactoryOptions, Parameter } from './parameter.js'
export * from './pool.js'
export * from './shape.js'
export type { LoadOptions, LoadResult, StateDict } from './state-dict.js'
export { Summary, type SummaryRow, summary } from './summary.js'
