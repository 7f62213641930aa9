// Optimizers, schedules of the learning rate and gradient clipping: the names are those of torch.optim.
export { Adam, type AdamOptions, AdamW } from './adam.js'
export { type ClipGradNormOptions, clipGradNorm, clipGradValue } from './clip.js'
export { OneCycleLR, type OneCycleLROptions, type PerGroup } from './one-cycle.js'
export {
  type Bucket,
  type GroupOptions,
  Optimizer,
  type OptimizerState,
  type ParamGroup,
  type ParamState,
  type Params,
} from './optimizer.js'
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from './plateau.js'
export { RMSprop, type RMSpropOptions } from './rmsprop.js'
export { type AnyOptimizer, LRScheduler, type SchedulerState } from './scheduler.js'
export {
  CosineAnnealingLR,
  ExponentialLR,
  type GammaOptions,
  LambdaLR,
  LinearLR,
  type LinearLROptions,
  MultiStepLR,
  StepLR,
} from './schedulers.js'
export { SequentialLR } from './sequential-lr.js'
export { SGD, type SGDOptions } from './sgd.js'
