// The gradients of a strided convolution on an odd size: pixels that no output has seen get none.
import { cnn, compare } from '../smoke-check.mjs'

await compare((device) => {
  const x = cnn.randn([2, 3, 17, 15], { device }).requiresGrad_()
  const weight = cnn.randn([8, 3, 7, 7], { device }).requiresGrad_()
  const y = cnn.functional.conv2d(x, weight, null, { stride: 2, padding: 3 })
  y.mul(y).mean().backward()
  return [y.detach(), x.grad, weight.grad]
})
