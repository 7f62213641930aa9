// The blocks that networks are built of, each a module.
export { AmoebaNetANormalCell, AmoebaNetAReductionCell, amoebanetANormal, amoebanetAReduction } from './amoebanet.js'
export { Cell, type CellOperation, type CellOptions, type CellStep, type CellTable } from './cell.js'
export {
  type Block,
  ConvNormActivation,
  type ConvSpec,
  type DenseSpec,
  type LayerSpec,
  layer,
  type PoolSpec,
  Stack,
  stack,
} from './layer.js'
export { NASNetANormalCell, NASNetAReductionCell, nasnetANormal, nasnetAReduction } from './nasnet.js'
export {
  type Activation,
  type ActivationName,
  type BlockOptions,
  makeActivation,
  makeNorm,
  type Norm,
} from './options.js'
export { SeparableConv, type SeparableOptions } from './separable.js'
export { Excited, type ExcitedOptions, SqueezeExcite, type SqueezeExciteOptions } from './squeeze-excite.js'
