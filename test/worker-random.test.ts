// Random numbers of a DataLoader's workers: no two samples share them, and they follow from seed and epoch, not from who is quicker.
import test from 'ava'
import type { DataLoaderOptions } from '../lib/data/data-loader.js'
import { data, manualSeed } from '../lib/index.js'

const length = 24

async function drawn(options: DataLoaderOptions, epochs = 2): Promise<number[][]> {
  const module = new URL('./support/dice.js', import.meta.url)
  const dataset = await data.ModuleDataset.open({ module, options: { length } })
  const loader = new data.DataLoader(dataset, { device: 'cpu', ...options })
  const rows: number[][] = []
  for (let epoch = 0; epoch < epochs; epoch++) {
    for await (using batch of loader) {
      const values = [...(await batch.x.data())].map(Number)
      for (let i = 0; i < values.length; i += 3) rows.push(values.slice(i, i + 3))
    }
  }
  return rows
}

const count = (values: readonly unknown[]) => new Set(values).size

test('no two samples of any worker or epoch draw the same numbers', async (t) => {
  manualSeed(5)
  const rows = await drawn({ batchSize: 4, workers: 3 })
  t.is(rows.length, 2 * length)
  t.is(count(rows.map(([, library]) => library)), 2 * length)
  t.is(count(rows.map(([, , math]) => math)), 2 * length)
  t.true(rows.flat().every((value) => value >= 0 && value < 1))
  t.is(count(rows.map(([made]) => made)) > 2, true, 'workers differ from the beginning')
})

test('samples draw the same numbers whatever the workers and the size of a batch, others with another seed', async (t) => {
  const samples = async (options: DataLoaderOptions) =>
    (await drawn(options)).map(([, library, math]) => [library, math])
  const expected = await samples({ batchSize: 4, workers: 1, seed: 3, shuffle: true })
  t.deepEqual(await samples({ batchSize: 5, workers: 3, seed: 3, shuffle: true }), expected)
  const others = await samples({ batchSize: 4, workers: 2, seed: 4, shuffle: true })
  t.is(count([...expected, ...others].flat()), 4 * 2 * length)
})

test('the numbers of Math.random in a worker are even', async (t) => {
  const values = (await drawn({ batchSize: 8, workers: 2 }, 8)).map(([, , math]) => math!)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  // Four standard deviations of the mean of so many even numbers.
  t.true(Math.abs(mean - 0.5) < 4 / Math.sqrt(12 * values.length), `${mean}`)
})

test('this thread keeps its own Math.random', async (t) => {
  const { random } = Math
  await drawn({ batchSize: 8, workers: 1 }, 1)
  t.is(Math.random, random)
})
