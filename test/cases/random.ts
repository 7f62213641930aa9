// Dropout: PyTorch has another generator, so make.py repeats Philox for the mask. The seed is 7 for every case.
import type { Row } from './case.js'

export const random: Row[] = [
  { fn: 'dropout', inputs: [[4, 9]], options: { p: 0.3, training: true } },
  { fn: 'dropout', inputs: [[4, 9]], options: { training: true }, note: 'p is 0.5 by default' },
  { fn: 'dropout', inputs: [[4, 9]], options: { p: 0.3, training: false } },
  { fn: 'dropout', inputs: [[4, 9]], options: { p: 0, training: true } },
  { fn: 'dropout', inputs: [[4, 9]], options: { p: 1, training: true } },
  { fn: 'dropout', inputs: [[2, 16, 9, 9]], options: { p: 0.7, training: true } },
  { fn: 'dropout', inputs: [[7]], options: { p: 0.5, training: true } },
  { fn: 'dropout', inputs: [[0, 7]], options: { p: 0.5, training: true }, note: 'empty' },
  { fn: 'dropout2d', inputs: [[3, 5, 4, 4]], options: { p: 0.4, training: true } },
  { fn: 'dropout2d', inputs: [[3, 5, 4, 4]], options: { p: 0.4, training: false } },
  { fn: 'dropout2d', inputs: [[2, 16, 5, 7]], options: { p: 0.2, training: true } },
]
