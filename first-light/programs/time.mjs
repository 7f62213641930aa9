// The best of several timings: what the hardware gives, whatever else the machine did meanwhile.

/** Seconds of one of the `times` that `run(times)` does; enough of them that a timing takes 50 ms. The first run warms up. */
export async function best(rounds, run) {
  await run(1)
  let times = 1
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; ) {
    const start = performance.now()
    await run(times)
    const seconds = (performance.now() - start) / 1000
    if (seconds < 0.05 && times < 4096) {
      times *= 2
      continue
    }
    least = Math.min(least, seconds / times)
    round++
  }
  return least
}
