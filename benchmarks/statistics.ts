// The few statistics that benchmarks report.

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value below which a share `q` of all lies. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}
