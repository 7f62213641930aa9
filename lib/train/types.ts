// What the training loop needs of a network, an optimizer and a loader, and what it tells those who watch.
import type { Tensor } from '../tensor.js'

/** A batch that the loop may free when its step is queued. */
export interface TrainingBatch {
  readonly x: Tensor
  readonly y: Tensor
}

/** Batches of one epoch; a `DataLoader` is one, and so is any async iterable of {x, y}. */
export interface BatchSource extends AsyncIterable<TrainingBatch> {
  /** Batches in an epoch, if known: for the time left. */
  readonly length?: number
  /** Examples in an epoch, if known. */
  readonly examples?: number
  /** Set by the loop before each epoch, so that a resumed run sees the order it would have seen. */
  epoch?: number
}

/** The mean of something over a batch, as a scalar tensor: the loop weighs batches by their size. */
export type Metric<Output = Tensor> = (output: Output, target: Tensor) => Tensor

/** Means over all examples so far. */
export interface Scores {
  readonly loss: number
  /** The share of right classes, 0 to 1; there where targets are class numbers. */
  readonly accuracy?: number
  /** All metrics by name, accuracy among them. */
  readonly metrics: Readonly<Record<string, number>>
}

/** A step whose loss has been read. Steps are reported in order, a few steps after they were queued. */
export interface StepInfo extends Scores {
  /** From 0. */
  readonly epoch: number
  readonly epochs: number
  /** In this epoch, from 1. */
  readonly batch: number
  readonly batches: number | undefined
  /** Since the first epoch, from 1. */
  readonly step: number
  /** Of this step's batch alone; `loss` and `metrics` are running means over the epoch. */
  readonly stepLoss: number
  /** Examples of this epoch so far. */
  readonly examples: number
  readonly examplesPerSecond: number
  readonly learningRate: number
}

/** What an epoch gave. Training scores are means over its steps, while the weights moved. */
export interface EpochRecord extends Scores {
  /** From 0. */
  readonly epoch: number
  /** Steps since the first epoch. */
  readonly step: number
  readonly validation?: Scores
  /** Of the training part. */
  readonly seconds: number
  readonly examplesPerSecond: number
  /** Of the last step. */
  readonly learningRate: number
  /** True where a best score is followed and this epoch beat all before. */
  readonly isBest: boolean
}

/** What is told once, before the first step. */
export interface FitInfo {
  readonly firstEpoch: number
  readonly epochs: number
  readonly batches: number | undefined
  readonly examples: number | undefined
}

/** Something that watches a `fit`, which waits for the promises that it returns. An error that it throws ends the fit. */
export interface TrainerCallback {
  onFitStart?(info: FitInfo): void
  onStep?(info: StepInfo): void
  onEpoch?(record: EpochRecord): void | Promise<void>
  /** Always, also when the fit failed or was aborted; an error of the fit goes before those of this. */
  onFitEnd?(): void
}
