// Optimizer updates and gradient clipping over several steps; the gradients of each step come from the generator.
export interface UpdateCase {
  name: string
  /** An op of the native interface; clipping only when nothing but clipping is asked for. */
  fn: 'sgd' | 'adam' | 'adamw' | 'rmsProp' | 'clipGradNorm' | 'clipGradValue'
  shapes: number[][]
  options: { [key: string]: number | boolean }
  steps: number
  /** Learning rate of each step, if it changes. */
  learningRates?: number[]
  /** Values and gradients are of this size; 2 if not given. */
  scale?: number
}

type Row = Omit<UpdateCase, 'name'>

/** Odd sizes, one long enough for vector code, a scalar. */
const shapes = [[3, 5], [7], [2, 3, 3, 3], [], [37, 11]]

const rows: Row[] = [
  { fn: 'sgd', shapes, steps: 3, options: { lr: 0.1 } },
  { fn: 'sgd', shapes, steps: 4, options: { lr: 0.1, momentum: 0.9 } },
  { fn: 'sgd', shapes, steps: 4, options: { lr: 0.1, momentum: 0.9, nesterov: true } },
  { fn: 'sgd', shapes, steps: 4, options: { lr: 0.1, momentum: 0.8, dampening: 0.3 } },
  { fn: 'sgd', shapes, steps: 3, options: { lr: 0.1, weightDecay: 0.05 } },
  { fn: 'sgd', shapes, steps: 4, options: { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.05 } },
  { fn: 'sgd', shapes, steps: 3, options: { lr: 0.1, momentum: 0.9 }, learningRates: [0.1, 0.05, 0.2] },
  { fn: 'adam', shapes, steps: 5, options: { lr: 0.01 } },
  { fn: 'adam', shapes, steps: 5, options: { lr: 0.01, weightDecay: 0.1 } },
  { fn: 'adam', shapes, steps: 5, options: { lr: 0.01, beta1: 0.8, beta2: 0.95, eps: 1e-3 } },
  { fn: 'adam', shapes, steps: 6, options: { lr: 0.01, amsgrad: true } },
  { fn: 'adam', shapes, steps: 3, options: { lr: 0.01 }, learningRates: [0.01, 0.005, 0.02] },
  { fn: 'adam', shapes, steps: 3, options: { lr: 0.01 }, scale: 2 ** -9 },
  { fn: 'adamw', shapes, steps: 5, options: { lr: 0.01, weightDecay: 0.01 } },
  { fn: 'adamw', shapes, steps: 5, options: { lr: 0.01, weightDecay: 0.2, beta1: 0.85 } },
  { fn: 'adamw', shapes, steps: 5, options: { lr: 0.01, weightDecay: 0, amsgrad: true } },
  { fn: 'rmsProp', shapes, steps: 4, options: { lr: 0.01 } },
  { fn: 'rmsProp', shapes, steps: 4, options: { lr: 0.01, alpha: 0.9, eps: 1e-3, weightDecay: 0.05 } },
  { fn: 'rmsProp', shapes, steps: 4, options: { lr: 0.01, momentum: 0.9 } },
  { fn: 'rmsProp', shapes, steps: 4, options: { lr: 0.01, centered: true } },
  { fn: 'rmsProp', shapes, steps: 4, options: { lr: 0.01, momentum: 0.5, centered: true, weightDecay: 0.01 } },
  { fn: 'clipGradNorm', shapes, steps: 1, options: { maxNorm: 1 } },
  { fn: 'clipGradNorm', shapes, steps: 1, options: { maxNorm: 1e6 } },
  { fn: 'clipGradNorm', shapes, steps: 1, options: { maxNorm: 3, normType: 1 } },
  { fn: 'clipGradNorm', shapes, steps: 1, options: { maxNorm: 0.5, normType: Number.POSITIVE_INFINITY } },
  { fn: 'clipGradNorm', shapes, steps: 1, options: { maxNorm: 0.5, normType: 3 } },
  { fn: 'clipGradValue', shapes, steps: 1, options: { clipValue: 0.25 } },
]

export const updates: UpdateCase[] = rows.map((row) => {
  const { fn, steps, options, learningRates, scale } = row
  const words = Object.entries(options).map(([key, value]) => `${key} ${value}`)
  if (learningRates) words.push(`then ${learningRates.join(' ')}`)
  if (scale) words.push(`scale ${scale}`)
  return { name: `${fn}: ${steps} steps, ${words.join(', ')}`, ...row }
})
