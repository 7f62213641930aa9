// A 3×3 convolution with its gradients.
import { cnn, compare } from '../smoke-check.mjs'

await compare((device) => {
  const x = cnn.randn([2, 16, 14, 14], { device }).requiresGrad_()
  const weight = cnn.randn([32, 16, 3, 3], { device }).requiresGrad_()
  const bias = cnn.randn([32], { device }).requiresGrad_()
  const y = cnn.functional.conv2d(x, weight, bias, { padding: 1 })
  y.mul(y).mean().backward()
  return [y.detach(), x.grad, weight.grad, bias.grad]
})
