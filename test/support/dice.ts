// A dataset for test/worker-random.test.ts: x = a number drawn at construction, then two drawn for the sample, of the library's and of Math.random.
import type { Dataset, Sample } from '../../lib/data/dataset.js'
import { rand } from '../../lib/index.js'

function draw(): number {
  using number = rand([1], { device: 'cpu' })
  return number.dataSync()[0] as number
}

export default class Dice implements Dataset {
  readonly length: number
  readonly #made = draw()

  constructor({ length }: { length: number }) {
    this.length = length
  }

  get(): Sample {
    return { x: { dtype: 'float64', shape: [3], data: Float64Array.of(this.#made, draw(), Math.random()) }, y: 0 }
  }
}
