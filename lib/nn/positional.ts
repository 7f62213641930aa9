// Options of modules: taken by position as those of functions, and printed.
export { namedArguments } from '../positional.js'

/** `, stride: 2, padding: [1, 1]`: the options that were given, but device and type, for the text of a module. */
export function optionsText(options: object): string {
  return Object.entries(options)
    .filter(([name, value]) => value !== undefined && name !== 'device' && name !== 'dtype')
    .map(([name, value]) => `, ${name}: ${JSON.stringify(value)}`)
    .join('')
}
