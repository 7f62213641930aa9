// Every network that lib/models exports, with the input of its paper.
import { models, nn } from '../../lib/index.js'

interface Row {
  /** [C, H, W]. Default [3, 224, 224]. */
  input?: [number, number, number]
  /** What the factory must be told. */
  options?: object
}

/** Where the default input or options do not do. */
const rows: { [factory: string]: Row } = {
  alexnet2012: { input: [3, 227, 227] },
  catsAndDogsNet: { input: [3, 64, 64] },
  cifar10Net: { input: [3, 32, 32] },
  cifarResNet: { input: [3, 32, 32], options: { depth: 20 } },
  lenet5: { input: [1, 32, 32] },
  nasnetALarge: { input: [3, 331, 331] },
  xception: { input: [3, 299, 299] },
}

export interface Network {
  name: string
  input: [number, number, number]
  make: () => nn.AnyModule & { forward: (...args: never[]) => unknown }
}

/** Functions whose names say that they make no network. */
const isNoFactory = (name: string) => name.endsWith('Loss')

export function networks(): Network[] {
  return Object.entries(models)
    .filter(([name, value]) => typeof value === 'function' && /^[a-z]/.test(name) && !isNoFactory(name))
    .map(([name, value]) => {
      const { input = [3, 224, 224], options } = rows[name] ?? {}
      const make = () => {
        const net = (value as (options?: object) => unknown)(options)
        if (!(net instanceof nn.Module)) throw new Error(`models.${name}() is no module`)
        return net
      }
      return { name, input, make } as Network
    })
}
