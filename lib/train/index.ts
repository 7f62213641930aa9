// Training: the loop, what it reports, and how it is watched.
export { type Checkpoint, readCheckpoint } from './checkpoint.js'
export type { LoopState } from './checkpoint-state.js'
export { type ProgressBarOptions, progressBar } from './progress-bar.js'
export { type CheckpointOptions, type FitOptions, Trainer, type TrainerOptions } from './trainer.js'
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
