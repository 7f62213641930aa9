// Random numbers of a DataLoader's workers: each worker, and each sample in it, begins at a place of its own.
import { seedThread } from '../io/thread-seed.js'

const bits = 64

/** Spreads numbers over 64 bits, by the mixing function of SplitMix64 (https://doi.org/10.1145/2714064.2660195). */
function mixed(numbers: readonly number[]): bigint {
  let state = 0n
  for (const number of numbers) {
    state = BigInt.asUintN(bits, (state ^ BigInt(number)) + 0x9e3779b97f4a7c15n)
    state = BigInt.asUintN(bits, (state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n)
    state = BigInt.asUintN(bits, (state ^ (state >> 27n)) * 0x94d049bb133111ebn)
    state ^= state >> 31n
  }
  return state
}

/** A seed that follows from whole numbers: others give another one. From 0 to 2⁵³ − 1. */
export function seedFrom(...numbers: readonly number[]): number {
  return Number(mixed(numbers) >> 11n)
}

/** Numbers in [0, 1) with 53 random bits: SplitMix64 counts up from the seed. */
function generator(seed: number): () => number {
  let count = 0
  return () => seedFrom(seed, count++) / 2 ** 53
}

/** Begins the random numbers of this thread anew: the library's, and those of `Math.random`. Only for threads that are ours. */
export function seedWorker(seed: number): void {
  seedThread(seed)
  Math.random = generator(seed)
}
