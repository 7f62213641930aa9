// What the smoke programs share: the package of NODE_CUDNN_DIST, the device of NODE_CUDNN_DEVICE, and a verdict as one line of JSON with the exit status.
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const dist = process.env.NODE_CUDNN_DIST ?? fileURLToPath(new URL('../dist', import.meta.url))

export const device = process.env.NODE_CUDNN_DEVICE ?? 'cuda:0'
export const cnn = await import(pathToFileURL(path.join(dist, 'lib/index.js')).href)

/** The largest difference of two lists of numbers, over the largest of the second. NaN where a number is none. */
export function difference(a, b) {
  if (a.length !== b.length) return Number.NaN
  let [most, scale] = [0, 1e-30]
  for (let i = 0; i < a.length; i++) {
    const distance = Math.abs(a[i] - b[i])
    if (Number.isNaN(distance)) return Number.NaN
    most = Math.max(most, distance)
    scale = Math.max(scale, Math.abs(b[i]))
  }
  return most / scale
}

/** Prints what was found and ends the process: 0 where it is good. */
export function verdict(isGood, found) {
  console.log(JSON.stringify(found))
  process.exit(isGood ? 0 : 1)
}

/** The numbers that `make(device)` gives on the GPU against those on `reference`. Products are not rounded to TF32. */
export async function compare(make, tolerance = 1e-5) {
  cnn.setCudaOptions({ allowTf32: false })
  const numbers = []
  for (const each of [device, 'reference']) {
    cnn.manualSeed(1)
    const tensors = make(each)
    numbers.push((await Promise.all(tensors.map((tensor) => tensor.data()))).flatMap((data) => [...data]))
  }
  const furthest = difference(...numbers)
  verdict(furthest <= tolerance, { numbers: numbers[0].length, difference: furthest, tolerance })
}
