// Convolution window by window: each number of the output by itself, so in any order and by any thread.

/** A convolution without padding of one picture; its arrays may lie in shared memory. */
export interface WindowTask {
  readonly x: Float32Array // [C, H, W]
  readonly weight: Float32Array // [O, C, k, k]
  readonly y: Float32Array // [O, H', W']
  /** Which thread computed a number of y. */
  readonly threads: Int32Array // [O, H', W']
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly kernel: number
}

/** Computes number `index` of y. It reads x and weight only, and writes one place that no other window writes. */
export function computeWindow(task: WindowTask, index: number, thread: number): void {
  const { x, weight, y, threads, channels, height, width, kernel } = task
  const [outHeight, outWidth] = [height - kernel + 1, width - kernel + 1]
  const column = index % outWidth
  const row = Math.floor(index / outWidth) % outHeight
  const filter = Math.floor(index / (outWidth * outHeight))
  let sum = 0
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < kernel; i++) {
      for (let j = 0; j < kernel; j++) {
        const value = x[(c * height + row + i) * width + column + j]!
        sum += value * weight[((filter * channels + c) * kernel + i) * kernel + j]!
      }
    }
  }
  y[index] = sum
  threads[index] = thread
}
