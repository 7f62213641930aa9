// Batch norm in training on a GPU against the reference device, with two values a channel: there the running variance tells n/(n−1) = 2 from 1.
// NODE_CUDNN_DIST: the package's dist folder. NODE_CUDNN_DEVICE: 'cuda:0' where it is not set. Prints one line of JSON; status 0 if all is as PyTorch has it.
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const dist = process.env.NODE_CUDNN_DIST ?? path.join(import.meta.dirname ?? '.', '../../dist')
const device = process.env.NODE_CUDNN_DEVICE ?? 'cuda:0'
const { compile, nn, noGrad, tensor, tidy } = await import(pathToFileURL(path.resolve(dist, 'lib/index.js')).href)

const momentum = 0.25
// [2, 4, 1, 1]: channel c holds the two values of column c.
const x = [
  [1, -2, 10, 0.5],
  [3, 4, 10.5, 0.25],
]
/** PyTorch: the batch norms with its own variance, and keeps the unbiased one (https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html). */
const channels = x[0].map((first, c) => {
  const mean = (first + x[1][c]) / 2
  const biased = ((first - mean) ** 2 + (x[1][c] - mean) ** 2) / 2
  const running = (variance) => (1 - momentum) * 1 + momentum * variance
  return { mean: momentum * mean, unbiased: running(2 * biased), biased: running(biased) }
})

/** The output and the running statistics after one training step, eager or compiled. */
async function run(on, isCompiled) {
  const norm = new nn.BatchNorm2d(4, { momentum }).to(on)
  const input = tensor(x, { device: on }).reshape([2, 4, 1, 1])
  const forward = (value) => noGrad(() => norm.forward(value))
  const compiled = isCompiled ? compile(forward) : undefined
  const y = tidy(() => (compiled ?? forward)(input))
  const read = async (each) => Array.from(await each.data(), Number)
  const found = { y: await read(y), mean: await read(norm.runningMean), variance: await read(norm.runningVar) }
  for (const each of [y, input, compiled, norm]) each?.dispose()
  return found
}

const near = (a, b) =>
  a.length === b.length && a.every((value, i) => Math.abs(value - b[i]) <= 1e-4 * (1 + Math.abs(b[i])))

/** In a sentence, what is wrong with what a device found; empty where nothing is. */
function judge(found, expected, how) {
  if (!near(found.y, expected.y)) return `${how}: y is ${found.y}, expected ${expected.y}`
  if (
    !near(
      found.mean,
      channels.map(({ mean }) => mean),
    )
  )
    return `${how}: the running mean is ${found.mean}`
  if (
    near(
      found.variance,
      channels.map(({ unbiased }) => unbiased),
    )
  )
    return ''
  return near(
    found.variance,
    channels.map(({ biased }) => biased),
  )
    ? `${how}: cuDNN's running variance is that of the batch (biased): it lacks the factor n/(n-1); isRunningVarianceUnbiased in cpp/backends/cuda/norm.cpp must be false`
    : `${how}: the running variance is ${found.variance}, expected ${channels.map(({ unbiased }) => unbiased)}`
}

const result = { check: 'batch-norm', device, ok: false, convention: '', error: '' }
try {
  const expected = await run('reference', false)
  const wrong = []
  for (const isCompiled of [false, true]) {
    wrong.push(judge(await run(device, isCompiled), expected, isCompiled ? 'compiled' : 'eager'))
  }
  result.error = [judge(expected, expected, 'reference'), ...wrong].filter(Boolean).join('; ')
  result.ok = result.error === ''
  result.convention = result.ok
    ? 'unbiased: the running variance takes n/(n-1) of the variance of the batch, as PyTorch'
    : result.error.includes('(biased)')
      ? 'biased'
      : 'unknown'
} catch (error) {
  result.error = String(error)
}
console.log(JSON.stringify(result))
process.exitCode = result.ok ? 0 : 1
