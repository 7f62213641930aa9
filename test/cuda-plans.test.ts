// cuDNN accepts what the cuda backend asks of it: plans for every convolution, pooling and batch norm of the networks and op cases, made
// by the real library with no device. This says "supported", not "correct".
import test from 'ava'
import { collect, recordedCalls } from './plans/collect.js'
import { type Answer, buildProgram, findLibraries, makePlans } from './plans/plans.js'
import { instead, refusals, summary, withoutTensorCores } from './plans/table.js'

/** About so many kernels are compiled, each a second of a core; the rest is asked by `node dist/test/plans/table.js`. */
const compiledGraphs = 120
/** Of the calls, a fusion in so many is compiled, three seconds of a core each. */
const compiledFusions = 12

const { root, missing } = await findLibraries()
if (!root) console.log(`  - [not run] cuda-plans: no plans are made with the real cuDNN: ${missing}`)

test.serial('the recorded calls are those of the networks and op cases of today', (t) => {
  t.is(recordedCalls(), collect(), 'run `node dist/test/plans/collect.js` and commit test/plans/calls.txt')
})

const withLibraries = root ? test.serial : test.serial.skip
const answers: Answer[] = []

withLibraries('cuDNN makes plans for every architecture and type', async (t) => {
  t.timeout(20 * 60_000)
  await buildProgram(root!)
  const calls = recordedCalls()
  const lines = calls.split('\n').filter((line) => line && !line.startsWith('#'))
  // forward and backward, on four architectures, in three types
  const asked = lines.filter((line) => !line.startsWith('conv')).length * 2 * 4 * 3
  const convolutions = lines.filter((line) => line.startsWith('conv ')).length * 4 * 4 * 4
  const options = { compiled: Math.ceil(asked / compiledGraphs), fusions: Math.ceil(convolutions / compiledFusions) }
  answers.push(...(await makePlans(calls, options)))
  t.log(summary(answers, options))
  t.log(refusals(answers))
  const kinds = new Set(answers.map(({ graph }) => graph))
  for (const graph of [
    'conv',
    'conv+bias',
    'convBackwardData',
    'convBackwardWeight',
    'maxPool',
    'avgPool',
    'batchNorm+running',
    'batchNormBackward',
  ]) {
    t.true(kinds.has(graph), `${graph} was asked`)
  }
})

withLibraries('every convolution has a plan', (t) => {
  const products = answers.filter(({ graph }) => ['conv', 'convBackwardData', 'convBackwardWeight'].includes(graph))
  t.true(products.length > 0)
  t.deepEqual(
    products.filter(({ declined }) => declined),
    [],
  )
})

withLibraries('what cuDNN declines has something that works instead', (t) => {
  const unknown = answers.filter(({ graph, declined }) => declined && !instead[graph])
  t.deepEqual(unknown, [])
})

withLibraries('float32 without TF32 uses no tensor cores', (t) => {
  const strict = answers.filter(({ type, graph }) => type === 'float32' && graph.startsWith('conv'))
  t.true(strict.length > 0)
  t.deepEqual(
    strict.filter(({ usesTensorCores }) => usesTensorCores),
    [],
  )
})

withLibraries('convolutions in half precision run on tensor cores', (t) => {
  const { asked, without } = withoutTensorCores(answers)
  t.true(asked.length > 0)
  // cuDNN's heuristic finds others faster for a few; docs/cuda-plans.md names them.
  t.true(without.length <= 0.02 * asked.length, `${without.length} of ${asked.length} without`)
  t.log(`${asked.length - without.length} of ${asked.length} on tensor cores`)
})
