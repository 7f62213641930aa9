// Ops that read or write at given positions.
import type { Input, Row } from './case.js'

const positions = (high: number, ...shape: number[]): Input => ({ shape, dtype: 'int32', high })

export const index: Row[] = [
  { fn: 'oneHot', inputs: [positions(5, 7)], args: [5] },
  { fn: 'oneHot', inputs: [positions(4, 2, 3)], args: [6] },
  { fn: 'oneHot', inputs: [positions(5)], args: [5], note: 'a scalar' },
  { fn: 'gather', inputs: [[4, 5], positions(4, 3, 5)], args: [0, '$1'] },
  { fn: 'gather', inputs: [[4, 5], positions(5, 4, 2)], args: [1, '$1'] },
  { fn: 'gather', inputs: [[4, 5], positions(5, 3, 8)], args: [-1, '$1'], note: 'fewer rows, repeated columns' },
  { fn: 'gather', inputs: [[3, 4, 5], positions(4, 3, 2, 5)], args: [1, '$1'] },
  { fn: 'gather', inputs: [[6], positions(6, 9)], args: [0, '$1'] },
  { fn: 'gather', inputs: [[64, 10], positions(10, 64, 1)], args: [1, '$1'], note: 'one class a row' },
  { fn: 'indexSelect', inputs: [[4, 5], positions(4, 6)], args: [0, '$1'] },
  { fn: 'indexSelect', inputs: [[4, 5], positions(5, 2)], args: [-1, '$1'] },
  { fn: 'indexSelect', inputs: [[3, 4, 5], positions(4, 7)], args: [1, '$1'] },
  { fn: 'indexSelect', inputs: [[4, 5], positions(4, 0)], args: [0, '$1'], grad: [], note: 'nothing' },
  { fn: 'indexSelect', inputs: [[20, 3, 6, 6], positions(20, 8)], args: [0, '$1'], note: 'a batch of a data set' },
]
