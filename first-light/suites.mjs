// The suites that run on the GPU: files of dist/test, what they need most first. scripts/gpu-kit.mjs packs them and what they import.

/** A file each; the op suite is run a family at a time. */
export const suites = [
  'ops',
  'update',
  'compile-ops',
  'compile-elementwise',
  'compile-linear',
  'compile-batch',
  'compile-half',
  'half',
  'extremes',
  'training-parity',
  'second-order',
  'random',
  'autocast',
  'grad-scaler',
  'trainer',
  'trainer-memory',
  'bad-input',
  'event-loop',
]

/** A little of everything, for a simulated device. */
export const few = { suites: ['update'], families: ['linear'] }

/** Programs of dist/test/fixtures: a hundred training steps on each of the devices that are named. */
export const trainingProgram = 'training-losses'
