// Training: the loop, what it reports, and how it is watched.
export { type Checkpoint, readCheckpoint } from './checkpoint.js'
export type { LoopState } from './checkpoint-state.js'
export type { CheckpointOptions, FitOptions, TrainerOptions } from './options.js'
export { type ProgressBarOptions, progressBar } from './progress-bar.js'
export { Trainer } from './trainer.js'
export type {
  BatchSource,
  EpochRecord,
  FitInfo,
  Metric,
  Scores,
  StepInfo,
  TrainerCallback,
  TrainingBatch,
} from './types.js'
