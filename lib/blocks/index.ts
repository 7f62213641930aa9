// The blocks that networks are built of, each a module.
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
export {
  type Activation,
  type ActivationName,
  type BlockOptions,
  makeActivation,
  makeNorm,
  type Norm,
} from './options.js'
export { Excited, type ExcitedOptions, SqueezeExcite, type SqueezeExciteOptions } from './squeeze-excite.js'
