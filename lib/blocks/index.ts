// The blocks that networks are built of, each a module.
export {
  type Activation,
  type ActivationName,
  type BlockOptions,
  makeActivation,
  makeNorm,
  type Norm,
} from './options.js'
