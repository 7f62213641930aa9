// The seed of a thread's random numbers, for whoever must not open the addon to set it: it waits until somebody does.
let seed: number | undefined
let follow: ((seed: number) => void) | undefined

/** Starts this thread's random numbers at `value`, now or when the addon is opened. */
export function seedThread(value: number): void {
  seed = value
  follow?.(value)
}

/** Calls `callback` with the seed, if there is one, and with each later one. */
export function followSeed(callback: (seed: number) => void): void {
  follow = callback
  if (seed !== undefined) callback(seed)
}
