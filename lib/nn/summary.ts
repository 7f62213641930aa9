// summary: what a network is made of: each layer's output, parameters and work.
import { checkList, refuse } from '../check.js'
import { zeros } from '../creation.js'
import { noGrad, Tensor } from '../tensor.js'
import { tidy } from '../tidy.js'
import { observeForward } from './calls.js'
import { Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from './conv.js'
import { Linear } from './linear.js'
import { type AnyModule, Module } from './module.js'

export interface SummaryRow {
  /** The dotted name of the layer. */
  name: string
  /** The name of its class. */
  type: string
  /** Of its (first) output. */
  outputShape: readonly number[]
  /** Elements of its own parameters; 0 in every call but the first, for a layer that is called again. */
  params: number
  /** Multiplications that are followed by an addition, without bias: of convolutions and linear layers; 0 for others. */
  multiplyAdds: number
}

/**
 * A network's layers in the order of their calls, and the sums; `nn.summary` makes it.
 * @throws ValueError if rows is not an array.
 * @see https://github.com/TylerYep/torchinfo (the tool for PyTorch)
 * @example const { params } = nn.summary(net, [1, 3, 224, 224])
 */
export class Summary {
  /** The layers in the order of their calls. */
  readonly rows: readonly SummaryRow[]
  /** Elements of all parameters. */
  readonly params: number
  /** Elements of those parameters that want gradients. */
  readonly trainableParams: number
  /** Multiplications that are followed by an addition, of all layers. */
  readonly multiplyAdds: number

  constructor(rows: readonly SummaryRow[], params: number, trainableParams: number) {
    checkList('Summary', 'rows', rows, 'rows')
    this.rows = rows
    this.params = params
    this.trainableParams = trainableParams
    this.multiplyAdds = rows.reduce((sum, row) => sum + row.multiplyAdds, 0)
  }

  /**
   * The layers as a table, a line each, with the sums in the last.
   * @example console.log(nn.summary(net, [1, 3, 224, 224]).toString())
   */
  toString(): string {
    const count = (value: number) => value.toLocaleString('en-US')
    const table = [
      ['layer', 'type', 'output', 'params', 'multiply-adds'],
      ...this.rows.map((row) => [
        row.name,
        row.type,
        `[${row.outputShape.join(', ')}]`,
        count(row.params),
        count(row.multiplyAdds),
      ]),
      ['total', '', '', count(this.params), count(this.multiplyAdds)],
    ]
    const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
    const lines = table.map((row) =>
      row
        .map((cell, column) => (column < 3 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
        .join('  ')
        .trimEnd(),
    )
    const rule = '─'.repeat(Math.max(...lines.map((line) => line.length)))
    lines.splice(1, 0, rule)
    lines.splice(-1, 0, rule)
    return lines.join('\n')
  }
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

function firstTensor(value: unknown): Tensor | undefined {
  if (value instanceof Tensor) return value
  return Array.isArray(value) ? (value.find((item) => item instanceof Tensor) as Tensor | undefined) : undefined
}

function multiplyAdds(module: AnyModule, input: Tensor | undefined, output: Tensor): number {
  if (module instanceof Linear) return output.size * module.inFeatures
  // Every output element is a sum over the weights of its output channel …
  if (module instanceof Conv1d || module instanceof Conv2d || module instanceof Conv3d) {
    return output.size * elements(module.weight.shape.slice(1))
  }
  // … and in a transposed convolution every input element is spread over the weights of its input channel.
  if (module instanceof ConvTranspose1d || module instanceof ConvTranspose2d || module instanceof ConvTranspose3d) {
    return (input?.size ?? 0) * elements(module.weight.shape.slice(1))
  }
  return 0
}

/**
 * Runs the network once on zeros of `inputShape` (batch included), in evaluation mode and without gradients, and says of each layer
 * the shape of its output, its parameters and its multiply-adds. Modes are left as they were.
 * @throws ValueError if net is not a module; ShapeError if the network does not take that shape.
 * @see https://github.com/TylerYep/torchinfo (the tool for PyTorch)
 * @example console.log(`${nn.summary(net, [1, 3, 224, 224])}`)
 */
export function summary(net: Module<[x: Tensor], unknown>, inputShape: readonly number[]): Summary {
  if (!(net instanceof Module)) refuse('summary', 'net', net, 'a module')
  const names = new Map(net.namedModules().map(([name, module]) => [module, name]))
  const modes = net.modules().map((module) => ({ module, training: module.training }))
  const parameters = net.parameters()
  const counted = new Set<AnyModule>()
  const rows: SummaryRow[] = []
  const observe = (module: AnyModule, inputs: readonly unknown[], output: unknown) => {
    const y = firstTensor(output)
    const own = module.namedParameters().filter(([name]) => !name.includes('.'))
    if (!y || (module.children().length > 0 && own.length === 0)) return
    const params = counted.has(module) ? 0 : own.reduce((sum, [, parameter]) => sum + parameter.size, 0)
    counted.add(module)
    rows.push({
      name: names.get(module) ?? '',
      type: module.constructor.name,
      outputShape: y.shape,
      params,
      multiplyAdds: multiplyAdds(module, firstTensor(inputs), y),
    })
  }
  const [first] = parameters
  net.eval()
  try {
    noGrad(() =>
      tidy(() => {
        const x = zeros(inputShape, first ? { device: first.device, dtype: first.dtype } : {})
        observeForward(observe, () => net.forward(x))
      }),
    )
  } finally {
    for (const { module, training } of modes) module.training = training
  }
  const total = (list: readonly Tensor[]) => list.reduce((sum, parameter) => sum + parameter.size, 0)
  return new Summary(rows, total(parameters), total(parameters.filter((parameter) => parameter.requiresGrad)))
}
