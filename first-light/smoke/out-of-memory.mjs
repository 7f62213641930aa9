// Fills the GPU's memory until it is refused, gives it back, and computes again.
import { cnn, device, verdict } from '../smoke-check.mjs'

const { memory } = cnn.devices().find(({ name }) => name === device).cuda
const elements = Math.floor(Math.min(2 ** 32, memory / 8) / 4)
const held = []
let error
try {
  for (let i = 0; i < 10_000; i++) held.push(cnn.full([elements], i, { device }))
  await cnn.synchronize(device)
} catch (caught) {
  error = caught
}
const blocks = held.length
for (const each of held) each.dispose()
cnn.trimMemory(device)
const mean = await cnn.full([elements], 2, { device }).mean().item()
const x = cnn.ones([1, 4, 8, 8], { device })
const y = await cnn.functional.conv2d(x, cnn.ones([4, 4, 3, 3], { device })).data()
const isRight = mean === 2 && y.every((value) => value === 36)
verdict(error instanceof cnn.OutOfMemoryError && blocks > 0 && isRight, {
  blocks,
  gibibytes: (blocks * elements * 4) / 2 ** 30,
  error: error ? `${error.name}: ${error.message}`.slice(0, 300) : 'none',
  mean,
})
