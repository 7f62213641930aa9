// The constructors of modules take their options by position as functions do.
export { namedArguments } from '../positional.js'
