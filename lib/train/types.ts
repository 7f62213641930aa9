// What the training loop needs of a network, an optimizer and a loader, and what it tells those who watch.
import type { Tensor } from '../tensor.js'

/** A batch that the loop may free when its step is queued. */
export interface TrainingBatch {
  /** Inputs, [n, …]. */
  readonly x: Tensor
  /** Targets, [n, …]; int32 [n] for classes. */
  readonly y: Tensor
}

/** Batches of one epoch; a `DataLoader` is one, and so is any async iterable of {x, y}. */
export interface BatchSource extends AsyncIterable<TrainingBatch> {
  /** Batches in an epoch, if known. Needed for the time left. */
  readonly length?: number
  /** Examples in an epoch, if known. */
  readonly examples?: number
  /** The trainer sets it before each epoch, from 0, so that a resumed run sees the order that it would have seen. */
  epoch?: number
}

/** The mean of some score over a batch, as a scalar tensor. Batches are weighted by their size. */
export type Metric<Output = Tensor> = (output: Output, target: Tensor) => Tensor

/** Means over all examples so far. */
export interface Scores {
  /** The mean loss. */
  readonly loss: number
  /** The fraction of right classes, 0 to 1. Present if targets are class numbers. */
  readonly accuracy?: number
  /** All metrics by name, accuracy among them. */
  readonly metrics: Readonly<Record<string, number>>
}

/** A step whose loss has been read. Steps are reported in order, a few steps after they were queued. */
export interface StepInfo extends Scores {
  /** The epoch, from 0. */
  readonly epoch: number
  /** Epochs in all. */
  readonly epochs: number
  /** The batch in this epoch, from 1. */
  readonly batch: number
  /** Batches in an epoch, if known. */
  readonly batches: number | undefined
  /** Steps since the first epoch, this one included. */
  readonly step: number
  /** The loss of this batch alone. `loss` and `metrics` are running means over the epoch. */
  readonly stepLoss: number
  /** Examples of this epoch so far. */
  readonly examples: number
  /** Speed in this epoch so far. */
  readonly examplesPerSecond: number
  /** The rate that this step used, of the first group. */
  readonly learningRate: number
}

/** The result of one epoch. Training scores are means over its steps, during which the weights changed. */
export interface EpochRecord extends Scores {
  /** The epoch, from 0. */
  readonly epoch: number
  /** Steps since the first epoch. */
  readonly step: number
  /** Scores on the validation data, if there is any. */
  readonly validation?: Scores
  /** Duration of the training part, in seconds. */
  readonly seconds: number
  /** Speed of the training part. */
  readonly examplesPerSecond: number
  /** The rate of the last step. */
  readonly learningRate: number
  /** Whether this epoch's score is the best so far. */
  readonly isBest: boolean
}

/** What callbacks are told before the first step. */
export interface FitInfo {
  /** The epoch that the fit starts with, from 0. */
  readonly firstEpoch: number
  /** Epochs in all, those before a resume included. */
  readonly epochs: number
  /** Batches in an epoch, if known. */
  readonly batches: number | undefined
  /** Examples in an epoch, if known. */
  readonly examples: number | undefined
}

/** Watches a `fit`. The fit waits for promises that its methods return; an error that one throws ends the fit. */
export interface TrainerCallback {
  /** Called before the first step. */
  onFitStart?(info: FitInfo): void
  /** Called when a step's loss has been read, in the order of the steps. */
  onStep?(info: StepInfo): void
  /** Called after each epoch and its checkpoint. */
  onEpoch?(record: EpochRecord): void | Promise<void>
  /**
   * Called at the end in every case, also if the fit failed or was aborted. If both fail, the fit rejects with its own error.
   */
  onFitEnd?(): void
}
