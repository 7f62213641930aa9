// Bandwidth through the package: copies on the device, and between it and the host's memory. Arguments: device, MiB of a copy.
import { manualSeed, randn, synchronize, tensor, tidy } from '../../dist/lib/index.js'
import { best } from './time.mjs'

const [device, mebibytes] = [process.argv[2], Number(process.argv[3])]
const bytes = mebibytes * 2 ** 20
const print = (what, seconds, moved) =>
  console.log(JSON.stringify({ what, mebibytes, seconds, gigabytesPerSecond: moved / seconds / 1e9 }))

manualSeed(0)
const x = randn([bytes / 4], { device })
const copy = await best(5, async (times) => {
  for (let i = 0; i < times; i++) tidy(() => void x.clone())
  await synchronize(device)
})
print('copy on the device (read and written)', copy, 2 * bytes)
const add = await best(5, async (times) => {
  for (let i = 0; i < times; i++) tidy(() => void x.add(1))
  await synchronize(device)
})
print('x + 1 on the device (read and written)', add, 2 * bytes)

const host = new Float32Array(bytes / 4).fill(1)
const up = await best(5, async (times) => {
  for (let i = 0; i < times; i++) tensor(host, { device }).dispose()
  await synchronize(device)
})
print('host to device, tensor(Float32Array)', up, bytes)
const down = await best(5, async (times) => {
  for (let i = 0; i < times; i++) await x.data()
})
print('device to host, await data()', down, bytes)
