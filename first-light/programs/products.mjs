// Products through `functional.linear`, [n, n] by [n, n]ᵀ, in each precision: what a network's linear layers could reach. Arguments: device, n.
import { functional, manualSeed, noGrad, randn, setCudaOptions, synchronize, tidy } from '../../dist/lib/index.js'
import { best } from './time.mjs'

const [device, n] = [process.argv[2], Number(process.argv[3])]
for (const precision of ['bf16', 'TF32', 'float32']) {
  setCudaOptions({ allowTf32: precision === 'TF32' })
  manualSeed(0)
  const [x, weight] = [0, 1].map(() => {
    const full = randn([n, n], { device })
    if (precision !== 'bf16') return full
    const half = full.to('bfloat16')
    full.dispose()
    return half
  })
  const seconds = await best(5, async (times) => {
    for (let i = 0; i < times; i++) tidy(() => noGrad(() => void functional.linear(x, weight)))
    await synchronize(device)
  })
  x.dispose()
  weight.dispose()
  console.log(JSON.stringify({ what: 'product', precision, n, seconds, teraflops: (2 * n ** 3) / seconds / 1e12 }))
}
