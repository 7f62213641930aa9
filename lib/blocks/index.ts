// The blocks that networks are built of, each a module.
export { AmoebaNetANormalCell, AmoebaNetAReductionCell, amoebanetANormal, amoebanetAReduction } from './amoebanet.js'
export { BasicBlock, type BasicBlockOptions, PlainBlock, type PlainBlockOptions } from './basic.js'
export { Bottleneck, type BottleneckOptions, PlainBottleneck, type PlainBottleneckOptions } from './bottleneck.js'
export { Cell, type CellOperation, type CellOptions, type CellStep, type CellTable } from './cell.js'
export {
  DenseBlock,
  type DenseBlockOptions,
  type DenseLayerOptions,
  Transition,
  type TransitionOptions,
} from './dense-block.js'
export {
  BasicConv2d,
  Inception,
  type InceptionOptions,
  NaiveInception,
  type NaiveInceptionOptions,
} from './inception.js'
export { InvertedResidual, type InvertedResidualOptions } from './inverted-residual.js'
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
export { ResNeXtBlock, type ResNeXtOptions, ResNeXtPaths, resnextGroups, resnextPaths } from './resnext.js'
export { SeparableConv, type SeparableOptions } from './separable.js'
export type { Shortcut, ShortcutOptions } from './shortcut.js'
export { Excited, type ExcitedOptions, SqueezeExcite, type SqueezeExciteOptions } from './squeeze-excite.js'
