// Records the calls of convolution, pooling and batch norm as lines of text: the op, the shapes of its inputs, its parameters.
import { native } from '../../lib/native.js'
import type { Handle } from '../../types/native.js'

const recorded = ['conv', 'convBackwardData', 'maxPool', 'avgPool', 'batchNorm'] as const
type Recorded = (typeof recorded)[number]

interface OpDescription {
  name: string
  inputs: string
  fields: { name: string; type: string }[]
}

/** What a run records. */
export interface RecordOptions {
  /** This size of a first dimension is the batch, and written N. */
  batch?: number
  /** Convolutions give zeros at once: only shapes matter. Default false. */
  skipsWork?: boolean
}

type AnyOp = (...args: unknown[]) => unknown

function descriptions(): Map<string, OpDescription> {
  const { ops } = (native as unknown as { describe(): { ops: OpDescription[] } }).describe()
  return new Map(ops.map((op) => [op.name, op]))
}

/** `conv x=N,3,32,32 weight=8,3,5,5 stride=1,1 …`; momentum is left out: a kernel is prepared without it. */
function lineOf({ name, inputs, fields }: OpDescription, args: unknown[], batch: number | undefined): string {
  const words = [name]
  const names = inputs.split(' ').map((word) => word.replace('?', ''))
  names.forEach((input, i) => {
    if (!args[i]) return
    const shape: (number | string)[] = native.shape(args[i] as Handle)
    if (i === 0 && shape[0] === batch) shape[0] = 'N'
    words.push(`${input}=${shape.join(',')}`)
  })
  fields.forEach((field, i) => {
    const value = args[names.length + i]
    if (field.name !== 'momentum') words.push(`${field.name}=${Array.isArray(value) ? value.join(',') : value}`)
  })
  return words.join(' ')
}

/** Zeros of the shape that a convolution gives. */
function zerosOfConv(args: unknown[]): Handle {
  const [x, weight, , stride, before, after, dilation] = args as [Handle, Handle, Handle, ...number[][]]
  const [samples, , ...sizes] = native.shape(x)
  const [filters, , ...kernel] = native.shape(weight)
  const spatial = sizes.map((size, i) => {
    const reach = dilation![i]! * (kernel[i]! - 1) + 1
    return Math.floor((size + before![i]! + after![i]! - reach) / stride![i]!) + 1
  })
  return native.ops.fill(native.device(x), [samples!, filters!, ...spatial], native.dtype(x), 0)
}

/** The distinct calls that `run` makes. */
export function record(run: () => void, { batch, skipsWork = false }: RecordOptions = {}): Set<string> {
  const lines = new Set<string>()
  const ops = native.ops as unknown as Record<Recorded, AnyOp>
  const described = descriptions()
  const originals = recorded.map((name) => [name, ops[name]] as const)
  for (const [name, original] of originals) {
    ops[name] = (...args) => {
      lines.add(lineOf(described.get(name)!, args, batch))
      return skipsWork && name === 'conv' ? zerosOfConv(args) : original(...args)
    }
  }
  try {
    run()
  } finally {
    for (const [name, original] of originals) ops[name] = original
  }
  return lines
}
