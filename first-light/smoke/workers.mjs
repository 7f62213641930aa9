// Two worker threads compute on one device at once: both get the numbers that the main thread gets.
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { cnn, device, verdict } from '../smoke-check.mjs'

async function compute() {
  cnn.setCudaOptions({ allowTf32: false, deterministic: true })
  cnn.manualSeed(3)
  const sums = []
  for (let i = 0; i < 10; i++) {
    const sum = cnn.tidy(() => {
      const weight = cnn.randn([8, 8, 3, 3], { device }).requiresGrad_()
      const y = cnn.functional.conv2d(cnn.randn([2, 8, 16, 16], { device }), weight, null, { padding: 1 })
      y.relu().mean().backward()
      return weight.grad.sum()
    })
    sums.push(await sum.item())
  }
  return sums
}

if (isMainThread) {
  const ask = () =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url))
      worker.once('message', resolve).once('error', reject)
    })
  const [own, ...others] = [await compute(), ...(await Promise.all([ask(), ask()]))]
  const isSame = others.every((each) => each.join() === own.join())
  verdict(isSame && own.every(Number.isFinite), { isSame, sums: own.slice(0, 3) })
} else {
  parentPort.postMessage(await compute())
}
