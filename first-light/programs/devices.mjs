// Prints what the package says of this machine's devices.
import { cudaOptions, devices, whyNoCuda } from '../../dist/lib/index.js'

console.log(JSON.stringify({ devices: devices(), whyNoCuda: whyNoCuda(), options: cudaOptions() }))
