// What a Trainer and its fit may be told, and what is refused of it.
import type { DeviceName } from '../../types/dtype.js'
import type { HalfType } from '../autocast.js'
import {
  among,
  type Checks,
  checkBoolean,
  checkFunction,
  checkList,
  checkNumber,
  checkObject,
  checkString,
  integerFrom,
  optionsLike,
  refuse,
} from '../check.js'
import { type CompileOptions, compileChecks } from '../compile.js'
import { isForeign } from '../marks.js'
import { LRScheduler, type Optimizer } from '../optim/index.js'
import type { Tensor } from '../tensor.js'
import { checkSource } from './batches.js'
import type { BatchSource, EpochRecord, Metric, StepInfo, TrainerCallback } from './types.js'

/** `Output` is what the network's `forward` gives: a tensor, or several in an object, such as GoogLeNet's. */
export interface TrainerOptions<Output = Tensor> {
  /** Updates the parameters, those of `net`. */
  optimizer: Optimizer
  /** The mean loss of a batch, a scalar: `functional.crossEntropy`, or your own. */
  loss: (output: Output, target: Tensor) => Tensor
  /** Changes the learning rate, after each epoch or step. Default: none. */
  scheduler?: LRScheduler
  /** When the scheduler steps. Default `epoch`, as is usual in PyTorch; `OneCycleLR` needs `step`. */
  schedulerInterval?: 'epoch' | 'step'
  /** The norm of all gradients together is scaled down to this before each step. Default: not. */
  clipGradNorm?: number
  /**
   * Forward passes and losses run under `autocast` to this type; parameters, gradients and the optimizer stay float32. With `'float16'` the
   * loss is scaled by a `GradScaler` that checkpoints keep; steps then wait for each other. Default: float32 throughout.
   */
  autocast?: HalfType
  /** The network is moved there, and each batch that is elsewhere. Default: nothing is moved. */
  device?: DeviceName
  /** What is measured beside the loss. Default: accuracy of the output (or its field `logits`), where targets are class numbers. */
  metrics?: Readonly<Record<string, Metric<Output>>>
  /** Told of the start, steps, epochs and end of every `fit`. Default: none. */
  callbacks?: readonly TrainerCallback[]
  /** The most steps that may be queued before their losses are read; a positive integer. Default 3. */
  stepsInFlight?: number
  /**
   * Whether `fit` ends at the first loss or gradient that is NaN or infinite, with a ValueError that says at which step and in which layer it
   * began. The parameters are then as they were before that step. Steps wait for each other, which costs some speed. (Under `autocast: 'float16'`
   * the scaler deals with infinite gradients, and only the loss is watched.) Default false: such a training goes on, and its history shows it.
   */
  stopAtNaN?: boolean
  /**
   * Whether each step, evaluation and prediction is compiled: recorded for each new shape of a batch, then run in one call. Set false if
   * the network, the loss or a metric depends on values, or on anything else that changes from step to step. Options of `compile` may be given. Default true.
   */
  compile?: boolean | CompileOptions
}

/** Options of {@link Trainer.fit}. */
export interface FitOptions {
  /** Total epochs, those before a resume included. */
  epochs: number
  /** Evaluated after each epoch. Default: nothing is. */
  validation?: BatchSource
  /** Called when a step's loss has been read. */
  onStep?: (info: StepInfo) => void
  /** Called after each epoch and its checkpoint; the fit waits for its promise. */
  onEpoch?: (record: EpochRecord) => void | Promise<void>
  /** Ends the fit between two steps. It then rejects with the signal's reason. */
  signal?: AbortSignal
  /** The file that each epoch's checkpoint overwrites, or several with their conditions. Default: none. */
  checkpoint?: string | CheckpointOptions
}

/** Where a fit saves checkpoints, and which epoch counts as the best. */
export interface CheckpointOptions {
  /** File that every epoch overwrites. */
  last?: string
  /** File that every epoch with a new best score overwrites. */
  best?: string
  /**
   * The score to compare: the lowest `loss` or the highest of a metric, of the validation if there is one. Default `loss`.
   */
  monitor?: 'loss' | 'accuracy' | (string & {})
}

export function checkOptimizer(op: string, name: string, value: unknown): void {
  const { step, zeroGrad, paramGroups } = (value ?? {}) as Partial<Optimizer>
  const isOptimizer = typeof step === 'function' && typeof zeroGrad === 'function' && Array.isArray(paramGroups)
  if (!isOptimizer || isForeign(value)) refuse(op, name, value, 'an optimizer')
}

export function checkSignal(op: string, name: string, value: unknown): void {
  if (!(value instanceof AbortSignal)) refuse(op, name, value, 'an AbortSignal')
}

function checkCallbacks(op: string, name: string, value: unknown): void {
  checkList(op, name, value, 'callbacks')
  for (const [i, callback] of value.entries()) checkObject(op, `${name}[${i}]`, callback)
}

function checkMetrics(op: string, name: string, value: unknown): void {
  checkObject(op, name, value)
  for (const [metric, fn] of Object.entries(value)) checkFunction(op, `${name}.${metric}`, fn)
}

const checkpointChecks: Checks<CheckpointOptions> = { last: checkString, best: checkString, monitor: checkString }
const asCompileOptions = optionsLike(compileChecks)
const asCheckpointOptions = optionsLike(checkpointChecks)

export const trainerChecks: Checks<TrainerOptions> = {
  optimizer: checkOptimizer,
  loss: checkFunction,
  scheduler: (op, name, value) => {
    if (!(value instanceof LRScheduler)) refuse(op, name, value, 'a scheduler')
  },
  schedulerInterval: among('epoch', 'step'),
  clipGradNorm: checkNumber,
  autocast: () => {}, // seen by the constructor
  device: checkString,
  metrics: checkMetrics,
  callbacks: checkCallbacks,
  stepsInFlight: integerFrom(1),
  stopAtNaN: checkBoolean,
  compile: (op, name, value) => {
    if (typeof value !== 'boolean') asCompileOptions(op, name, value)
  },
}

export const fitChecks: Checks<FitOptions> = {
  epochs: checkNumber,
  validation: checkSource,
  onStep: checkFunction,
  onEpoch: checkFunction,
  signal: checkSignal,
  checkpoint: (op, name, value) => {
    if (typeof value !== 'string') asCheckpointOptions(op, name, value)
  },
}
