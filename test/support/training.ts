// Trains a network on one batch: whether its gradients lead anywhere.
import { models, optim, randn, type Tensor, tensor, tidy } from '../../lib/index.js'
import type { Network } from './model-golden.js'

/** The losses (with those of auxiliary classifiers, where there are such) before and after `steps` steps of SGD with momentum on one batch of as many classes as samples. */
export function lossesOnOneBatch(
  net: Network,
  shape: readonly number[],
  { steps = 20, lr = 0.02 }: { steps?: number; lr?: number } = {},
): { first: number; last: number } {
  return tidy(() => {
    const x = randn(shape)
    const targets: Tensor = tensor(
      Array.from({ length: shape[0]! }, (_, i) => i),
      { dtype: 'int32' },
    )
    const optimizer = new optim.SGD(net.parameters(), { lr, momentum: 0.9 })
    const losses: number[] = []
    for (let step = 0; step <= steps; step++) {
      tidy(() => {
        const loss = models.googlenetLoss(net.forward(x), targets)
        losses.push(loss.itemSync())
        optimizer.zeroGrad()
        loss.backward()
        optimizer.step()
      })
    }
    return { first: losses[0]!, last: losses.at(-1)! }
  })
}
