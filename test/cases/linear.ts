// Linear layers and matrix products in all their broadcasting forms.
import type { Row } from './case.js'

export const linear: Row[] = [
  { fn: 'linear', inputs: [[4, 5], [3, 5], [3]] },
  {
    fn: 'linear',
    inputs: [
      [4, 5],
      [3, 5],
    ],
  },
  { fn: 'linear', inputs: [[5], [3, 5], [3]], note: 'one vector' },
  { fn: 'linear', inputs: [[2, 4, 5], [3, 5], [3]] },
  { fn: 'linear', inputs: [[2, 3, 2, 5], [4, 5], [4]] },
  { fn: 'linear', inputs: [[1, 1], [1, 1], [1]] },
  { fn: 'linear', inputs: [[0, 5], [3, 5], [3]], note: 'empty batch' },
  { fn: 'linear', inputs: [[8, 16], [32, 16], [32]] },
  { fn: 'linear', inputs: [[17, 33], [65, 33], [65]], note: 'odd sizes' },
  { fn: 'linear', inputs: [[16, 400], [10, 400], [10]] },
  { fn: 'linear', inputs: [[32, 256], [128, 256], [128]] },
  {
    fn: 'matmul',
    inputs: [
      [3, 4],
      [4, 5],
    ],
  },
  {
    fn: 'matmul',
    inputs: [
      [1, 4],
      [4, 1],
    ],
  },
  { fn: 'matmul', inputs: [[4], [4]], note: 'dot product' },
  { fn: 'matmul', inputs: [[3, 4], [4]], note: 'matrix by vector' },
  { fn: 'matmul', inputs: [[4], [4, 5]], note: 'vector by matrix' },
  { fn: 'matmul', inputs: [[2, 3, 4], [4]] },
  { fn: 'matmul', inputs: [[4], [2, 4, 5]] },
  {
    fn: 'matmul',
    inputs: [
      [2, 3, 4],
      [2, 4, 5],
    ],
  },
  {
    fn: 'matmul',
    inputs: [
      [2, 3, 4],
      [4, 5],
    ],
    note: 'right matrix shared',
  },
  {
    fn: 'matmul',
    inputs: [
      [3, 4],
      [2, 4, 5],
    ],
    note: 'left matrix shared',
  },
  {
    fn: 'matmul',
    inputs: [
      [2, 1, 3, 4],
      [3, 4, 5],
    ],
    note: 'batches broadcast',
  },
  {
    fn: 'matmul',
    inputs: [
      [1, 3, 4],
      [6, 4, 2],
    ],
    note: 'batches broadcast',
  },
  {
    fn: 'matmul',
    inputs: [
      [0, 4],
      [4, 5],
    ],
    note: 'empty',
  },
  {
    fn: 'matmul',
    inputs: [
      [0, 3, 4],
      [0, 4, 5],
    ],
    note: 'empty batch',
  },
  {
    fn: 'matmul',
    inputs: [
      [33, 65],
      [65, 17],
    ],
    note: 'odd sizes',
  },
  {
    fn: 'matmul',
    inputs: [
      [64, 128],
      [128, 64],
    ],
  },
  {
    fn: 'bmm',
    inputs: [
      [3, 2, 4],
      [3, 4, 5],
    ],
  },
  {
    fn: 'bmm',
    inputs: [
      [1, 5, 1],
      [1, 1, 5],
    ],
  },
  {
    fn: 'bmm',
    inputs: [
      [4, 17, 16],
      [4, 16, 9],
    ],
  },
]
