// Prints where the package's binaries lie; opens none of them.
import { findAddon } from '../../dist/lib/addon-file.js'

console.log(JSON.stringify(findAddon()))
