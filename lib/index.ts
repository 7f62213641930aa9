// What the package exports.
export { native } from './native.js'
