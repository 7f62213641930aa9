// Arguments by position, in PyTorch's order, for constructors that take options by name as well; and how options are printed.
import { ValueError } from '../errors.js'

function isOptions(first: unknown): boolean {
  if (first === undefined) return true
  return typeof first === 'object' ? !Array.isArray(first) : typeof first === 'function'
}

/**
 * The options that a caller gave after the required arguments: one object, or values in the order of `names`. An argument that is
 * undefined leaves the default. The values themselves are not checked.
 * @throws ValueError for more arguments than there are names, or any behind an options object.
 * @example const options = namedArguments('MaxPool2d', [2, 1], ['stride', 'padding']) // { stride: 2, padding: 1 }
 */
export function namedArguments<Options extends object>(
  op: string,
  given: readonly unknown[],
  names: readonly (keyof Options & string)[],
): Options {
  const [first] = given
  if (given.length <= 1 && isOptions(first)) return (first === undefined ? {} : first) as Options
  if (first !== undefined && first !== null && isOptions(first)) {
    throw new ValueError(`${op}: an argument follows the options, expected none`)
  }
  if (given.length > names.length) {
    throw new ValueError(
      `${op}: ${given.length} optional arguments, expected at most ${names.length}: ${names.join(', ')}`,
    )
  }
  const values = given.map((value, i) => [names[i]!, value] as const)
  return Object.fromEntries(values.filter(([, value]) => value !== undefined)) as Options
}

/** `, stride: 2, padding: [1, 1]`: the options that were given, but device and type, for the text of a module. */
export function optionsText(options: object): string {
  return Object.entries(options)
    .filter(([name, value]) => value !== undefined && name !== 'device' && name !== 'dtype')
    .map(([name, value]) => `, ${name}: ${JSON.stringify(value)}`)
    .join('')
}
