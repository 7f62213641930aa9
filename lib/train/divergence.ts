// Where a training went wrong: which layer made the first value that is no finite number.
import { observeForward } from '../nn/calls.js'
import type { AnyModule } from '../nn/module.js'
import { noGrad, Tensor } from '../tensor.js'
import { keep, tidy } from '../tidy.js'
import type { TrainingBatch } from './types.js'

/** 0 where all values are finite, else NaN: a scalar. Whole numbers are finite. */
function flagOf(x: Tensor): Tensor | undefined {
  const isFloat = x.dtype.startsWith('float') || x.dtype === 'bfloat16'
  // Summed in float32, which more values than fit into memory would be needed to overflow with zeros.
  return isFloat ? x.detach().to('float32').mul(0).sum() : undefined
}

/** The tensors in what a layer takes or gives. */
function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value]
  if (Array.isArray(value)) return value.flatMap(tensorsIn)
  const isPlain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  return isPlain ? Object.values(value).flatMap(tensorsIn) : []
}

interface Suspect {
  /** As the end of a sentence. */
  readonly what: string
  readonly flags: readonly Tensor[]
}

/** The flags outlive the layers in whose calls they are made. */
function suspect(what: string, values: readonly Tensor[]): Suspect {
  return { what, flags: noGrad(() => tidy(() => values.flatMap((value) => flagOf(value) ?? []))).map(keep) }
}

/**
 * What held the first value that is infinite or NaN, as the end of a sentence: the batch, a parameter, a layer's output, the loss, or the
 * gradient of a parameter. Runs the step once more, op by op, in the mode in which the network is, and leaves its gradients.
 */
export async function whereItBegan(
  net: AnyModule,
  { x, y }: TrainingBatch,
  loss: (x: Tensor, y: Tensor) => Tensor,
): Promise<string> {
  const suspects = tidy(() => {
    const found = [suspect('the inputs of the batch hold such values', [x])]
    found.push(suspect('the targets of the batch hold such values', [y]))
    for (const [name, tensor] of [...net.namedParameters(), ...net.namedBuffers()]) {
      found.push(suspect(`${name} held such values before this step`, [tensor]))
    }
    const names = new Map(net.namedModules().map(([name, module]) => [module, name]))
    const observer = (module: AnyModule, _inputs: readonly unknown[], output: unknown) => {
      const type = module.constructor.name
      const name = names.get(module)
      const what = name ? `${name} (${type})` : `the network itself (${type})`
      found.push(suspect(`it began in ${what}: its output is the first with such values`, tensorsIn(output)))
    }
    net.zeroGrad()
    const value = observeForward(observer, () => loss(x, y))
    found.push(suspect('the loss function made it of finite outputs', [value]))
    value.backward()
    // Backward, the last layers come first.
    for (const [name, parameter] of net.namedParameters().reverse()) {
      const gradient = parameter.grad
      if (gradient) found.push(suspect(`it began in the gradient of ${name}`, [gradient]))
    }
    return found
  })
  const flags = suspects.flatMap((each) => each.flags)
  const values = await Promise.all(flags.map((flag) => flag.item()))
  for (const flag of flags) flag.dispose()
  const first = flags[values.findIndex((value) => !Number.isFinite(value))]
  const found = first && suspects.find((each) => each.flags.includes(first))
  return found?.what ?? 'a second run of the step has no such value, so chance decided'
}
