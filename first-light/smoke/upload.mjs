// 200 MB to the device and back: every number arrives, through page-locked buffers that are far smaller.
import { cnn, device, verdict } from '../smoke-check.mjs'

const count = 50_000_000
const sent = new Float32Array(count)
for (let i = 0; i < count; i++) sent[i] = i % 16_777_213
const start = performance.now()
const x = cnn.tensor(sent, { device })
await cnn.synchronize(device)
const up = performance.now() - start
const back = await x.data()
let wrong = back.length === count ? 0 : count
for (let i = 0; i < back.length; i++) if (back[i] !== sent[i]) wrong++
verdict(wrong === 0, { megabytes: (4 * count) / 1e6, milliseconds: Math.round(up), wrong })
