// A grouped convolution, and a depthwise one behind it, with their gradients.
import { cnn, compare } from '../smoke-check.mjs'

await compare((device) => {
  const x = cnn.randn([2, 16, 14, 14], { device }).requiresGrad_()
  const grouped = cnn.randn([32, 4, 3, 3], { device }).requiresGrad_()
  const depthwise = cnn.randn([32, 1, 3, 3], { device }).requiresGrad_()
  const between = cnn.functional.conv2d(x, grouped, null, { padding: 1, groups: 4 })
  const y = cnn.functional.conv2d(between, depthwise, null, { padding: 1, groups: 32 })
  y.mul(y).mean().backward()
  return [y.detach(), x.grad, grouped.grad, depthwise.grad]
})
