// What every block must pass: shape, parameter count, float64 gradients beside central differences, nothing left behind.
import type { ExecutionContext } from 'ava'
import { manualSeed, type nn, noGrad, randn, Tensor, tidy } from '../../lib/index.js'
import { settled } from './run-case.js'

/** Where gradients are checked: the loops that define each op, in float64. */
export const exact = { device: 'reference', dtype: 'float64' } as const

export interface BlockCheck {
  /** Makes the block with its tensors in `factory`. */
  make: (factory: typeof exact) => nn.Module
  input: readonly number[]
  output: readonly number[]
  /** The number of trained values, written as a formula of the sizes and not read from the block. */
  params: number
}

/** The sum of y·weights: a loss that sees every element of the output differently. */
function loss(block: nn.Module, x: Tensor, weights: Tensor): Tensor {
  return block.forward(x).mul(weights).sum()
}

/** The slope of the loss along `direction` of one tensor, from two values of the loss. */
function slope(tensor: Tensor, direction: Tensor, value: () => number): number {
  const step = 1e-5
  const move = (by: number) => noGrad(() => tidy(() => tensor.copy_(tensor.add(direction.mul(by)))))
  move(step)
  const above = value()
  move(-2 * step)
  const below = value()
  move(step)
  return (above - below) / (2 * step)
}

/** Gradients of the input and of all parameters, each along one random direction; the largest relative error of all. */
export function gradientError(block: nn.Module, shape: readonly number[]): { error: number; name: string } {
  return tidy(() => {
    const x = randn(shape, exact).requiresGrad_()
    const weights = noGrad(() => {
      const y = block.forward(x)
      return randn(y.shape, exact)
    })
    loss(block, x, weights).backward()
    const tensors: [string, Tensor][] = [['input', x], ...block.namedParameters()]
    const norm = (tensor: Tensor) => Math.sqrt(tensor.square().sum().itemSync())
    const total = Math.hypot(...tensors.map(([, tensor]) => (tensor.grad ? norm(tensor.grad) : Number.NaN)))
    let worst = { error: -1, name: 'none' }
    for (const [name, tensor] of tensors) {
      const direction = randn(tensor.shape, exact)
      const expected = slope(tensor, direction, () => noGrad(() => tidy(() => loss(block, x, weights).itemSync())))
      const actual = tensor.grad!.mul(direction).sum().itemSync()
      // Some gradients are zero by their nature (a bias before a normalisation): those are measured against all.
      const error = Math.abs(actual - expected) / (norm(tensor.grad!) + 1e-3 * total)
      if (!(error <= worst.error)) worst = { error, name }
    }
    return worst
  })
}

/** For tests that run one by one (`test.serial`), since tensors are counted. Checks a block in training mode, in evaluation mode, and after it is disposed of. */
export async function checkBlock(t: ExecutionContext, { make, input, output, params }: BlockCheck): Promise<void> {
  manualSeed(5)
  const before = (await settled(exact.device)).tensors
  const block = make(exact)
  t.is(
    block.parameters().reduce((sum, parameter) => sum + parameter.size, 0),
    params,
    'parameters',
  )
  t.true('outChannels' in block, 'outChannels')
  tidy(() => {
    const y = block.forward(randn(input, exact))
    t.true(y instanceof Tensor)
    t.deepEqual(y.shape, output)
    t.is((block as { outChannels?: number }).outChannels, output[1], 'outChannels')
  })
  for (const training of [true, false]) {
    block.train(training)
    block.zeroGrad()
    const { error, name } = gradientError(block, input)
    t.true(error >= 0 && error < 1e-6, `gradient of ${name}, training ${training}: ${error}`)
  }
  block.dispose()
  t.is((await settled(exact.device)).tensors, before, 'tensors left behind')
}
