// Options and buckets as an optimizer sees them while its step is recorded: the program depends on each number that is read.
import type { Change } from '../guards.js'
import type { Tracing } from '../tracing.js'
import { advise } from '../warnings.js'
import type { Bucket, ParamState } from './optimizer.js'

function observed<Target extends object>(target: Target, onRead: (field: string) => void): Target {
  return new Proxy(target, {
    get: (_, field): unknown => {
      if (typeof field === 'string') onRead(field)
      return Reflect.get(target, field)
    },
  })
}

function changeText(name: string, { field, before, after }: Change): string | undefined {
  if (typeof before !== 'number' || typeof after !== 'number') return undefined
  return (
    `${field} of ${name} has changed from ${before} to ${after}, and the step is recorded anew at each change, which is slow: ` +
    'it was read as a number; use this.scalar(bucket, (options, step) => …) in update()'
  )
}

export function observedOptions<Options extends object>(options: Options, name: string, recording: Tracing): Options {
  advise(options, (change) => changeText(name, change))
  return observed(options, (field) => recording.read(options, field))
}

/** `ahead`: steps of the same parameters earlier in the same function. */
export function observedBucket(bucket: Bucket, ahead: number, name: string, recording: Tracing): Bucket {
  const { params, grads, states } = bucket
  const read = (state: ParamState): number => {
    advise(state, (change) => changeText(name, change))
    recording.read(state, 'step')
    return state.step + ahead
  }
  return {
    params,
    grads,
    states: states.map((state) => ({
      tensors: state.tensors,
      get step() {
        return read(state)
      },
      set step(step) {
        state.step = step
      },
    })),
    get step() {
      return read(states[0]!) + 1
    },
  }
}
