// What a training step of ResNet-34 puts into its CUDA graph and what the own kernels move, on the simulated device: no more than their ops must, and
// where more than once, why.
import { mkdtempSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { whyNoPlugin } from './support/simulated.js'
import { temporaryFolder } from './support/temporary.js'
import { measure, nodesOf, type OpRow, rowsOf, type StepOptions, total } from './traffic/rows.js'

const inFolder = temporaryFolder()
const options: StepOptions = { samples: 2, size: 64, filters: 16, declined: '' }

/** Bytes that are moved, and that are asked for, over the least. What is asked for again within a block comes from a cache. */
interface Bound {
  moved: number
  requested: number
}
/** Of the ops that are not named here, which sweep over their tensors once. */
const once: Bound = { moved: 1, requested: 1 }
const bounds: { [op: string]: Bound } = {
  // A sample's target and sum are asked for with each of its classes.
  crossEntropyBackward: { moved: 1, requested: 3 },
  // x once for each of its places in y.
  expand: { moved: 1, requested: 2 },
  // A window asks for nine elements, of which it shares five with its neighbours: x is asked for 9/4 times, y and the places of the maxima once.
  maxPool: { moved: 1, requested: (9 / 4 + 1 / 2) / (3 / 2) },
  // The other way round: dy and the places, 9/4 times each, dx once.
  maxPoolBackward: { moved: 1, requested: (9 / 2 + 1) / (3 / 2) },
  // Each thread asks whether an op has failed, before it overwrites a parameter: one number, from a cache.
  sgd: { moved: 1, requested: 1.02 },
  // What normalises must know the statistics of all of x, so x is read twice: 3 sweeps, where 2 are the least, and the moments of the slices. The
  // sweep that normalises asks for four numbers of the channel with each element.
  batchNorm: { moved: 3 / 2 + 0.04, requested: 7 / 2 },
  // Likewise x and dy: 5 sweeps for 3. Each thread of the sums asks for two numbers of its channel, and dx with each element for five.
  batchNormBackward: { moved: 5 / 3 + 0.04, requested: 10 / 3 + 0.06 },
}

/** Tensors of a few bytes take whole sectors; no kernel here has more than eight. */
const roundedUp = (row: OpRow) => 8 * 32 * row.nodes

function checkRow(t: ExecutionContext, row: OpRow): void {
  const bound = bounds[row.name] ?? once
  const figures = `${row.name}: least ${row.least}, moved ${row.moved}, requested ${row.requested}`
  t.true(row.moved <= bound.moved * row.least + roundedUp(row), figures)
  t.true(row.requested <= bound.requested * row.least + roundedUp(row), figures)
  // Less would be a fault of the count.
  t.true(row.moved >= row.least, figures)
}

const missing = whyNoPlugin()
if (missing) {
  console.log(`skipped: the traffic of own kernels, since ${missing}`)
  test.skip('the traffic of own kernels', (t) => t.fail(missing))
} else {
  test.serial(
    'a training step of ResNet-34 is one graph with a node for each op, and own kernels move the least',
    async (t) => {
      t.timeout(300_000)
      const measured = await measure(options, mkdtempSync(inFolder('reports-')))
      const nodes = nodesOf(measured)
      t.is(new Set(nodes.map(({ graph }) => graph)).size, 1, 'one launch')
      t.deepEqual(
        measured.run.filter(({ graph, what }) => graph === 0 && what !== 'cudaMemcpyAsync'),
        [],
        'outside of it there are only the copies of the batch, the loss and the faults',
      )
      t.is(measured.run.length - nodes.length, 4)
      // The optimizer's tensors need two launches, since the kernel's parameters have room for 75.
      t.is(nodes.length, measured.steps.length + 1)
      t.true(nodes.length <= 327)

      const rows = rowsOf(measured)
      const mixed = rows.filter((row) => !row.isOwn && row.moved > 0)
      t.deepEqual(mixed, [], 'no op is done by a library and by own kernels')
      const own = rows.filter(({ isOwn }) => isOwn)
      for (const row of own) checkRow(t, row)
      const all = total(own, 'all')
      t.true(all.moved <= 1.01 * all.least, `${all.moved} for ${all.least}`)
      t.log(`${nodes.length} nodes; own kernels move ${all.moved} bytes, the least are ${all.least}`)
    },
  )

  test.serial('where cuDNN has no batch norm, own kernels read its inputs twice and all others once', async (t) => {
    t.timeout(300_000)
    const measured = await measure({ ...options, declined: 'norm' }, mkdtempSync(inFolder('reports-')))
    const own = rowsOf(measured).filter(({ isOwn }) => isOwn)
    for (const row of own) checkRow(t, row)
    const norms = own.filter(({ name }) => name.startsWith('batchNorm'))
    t.deepEqual(
      norms.map(({ name, steps, nodes }) => [name, steps, nodes]),
      [
        ['batchNormBackward', 36, 3 * 36],
        ['batchNorm', 36, 3 * 36],
      ],
    )
    t.is(nodesOf(measured).length, measured.steps.length + 1 + 2 * 2 * 36)
  })
}
