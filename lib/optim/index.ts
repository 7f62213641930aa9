// Optimizers, schedules of the learning rate and gradient clipping: the names are those of torch.optim.
export { Adadelta, type AdadeltaOptions } from './adadelta.js'
export { Adagrad, type AdagradOptions } from './adagrad.js'
export { Adam, type AdamOptions, AdamW } from './adam.js'
export { Adamax, type AdamaxOptions } from './adamax.js'
export { ChainedScheduler } from './chained.js'
export { type ClipGradNormOptions, clipGradNorm, clipGradValue } from './clip.js'
export { CyclicLR, type CyclicLROptions } from './cyclic.js'
export { NAdam, type NAdamOptions } from './nadam.js'
export { OneCycleLR, type OneCycleLROptions } from './one-cycle.js'
export {
  type Bucket,
  type GroupOptions,
  Optimizer,
  type OptimizerState,
  type ParamGroup,
  type ParamState,
  type Params,
} from './optimizer.js'
export type { PerGroup } from './per-group.js'
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from './plateau.js'
export { RAdam, type RAdamOptions } from './radam.js'
export { RMSprop, type RMSpropOptions } from './rmsprop.js'
export { type AnyOptimizer, LRScheduler, type SchedulerState } from './scheduler.js'
export {
  ConstantLR,
  type ConstantLROptions,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  ExponentialLR,
  type Factor,
  type GammaOptions,
  LambdaLR,
  LinearLR,
  type LinearLROptions,
  MultiplicativeLR,
  MultiStepLR,
  PolynomialLR,
  type PolynomialLROptions,
  StepLR,
  type WarmRestartsOptions,
} from './schedulers.js'
export { SequentialLR } from './sequential-lr.js'
export { SGD, type SGDOptions } from './sgd.js'
