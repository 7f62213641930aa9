// What a user's own compiler must accept: the published types, without skipLibCheck.
import { functional as F, manualSeed, nn, optim, randn, tensor } from 'node-cudnn'

manualSeed(1)
const net = new nn.Sequential(new nn.Conv2d(1, 8, 3, { padding: 1 }), new nn.ReLU(), new nn.Flatten())
const optimizer = new optim.SGD(net.parameters(), { lr: 0.01 })
const loss = F.crossEntropy(net.forward(randn([1, 1, 28, 28])), tensor([1], { dtype: 'int32' }))
loss.backward()
optimizer.step()
export const value: number = await loss.item()
export const elements: Float32Array = await randn([2]).relu().data()
export const isPositive: Uint8Array = randn([2]).gt(0).dataSync()
// @ts-expect-error: the number by which native code knows a tensor is no user's business
loss.handle
// @ts-expect-error: a comparison gives bool
export const wrong: Float32Array = randn([2]).gt(0).dataSync()
