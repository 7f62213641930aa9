// What the cpu device computes with, and the libraries that this process has open besides those that Node itself needs.
import { readFileSync } from 'node:fs'
import { devices, ones } from 'node-cudnn'

await ones([2]).sum().item()
console.log(devices().find(({ name }) => name === 'cpu').description)
const files = readFileSync('/proc/self/maps', 'utf8')
  .split('\n')
  .map((line) => line.slice(line.indexOf('/')))
  .filter((file) => /\.so(\.|$)|\.node$/.test(file))
const system =
  /\/(libc|libm|libdl|libpthread|librt|libgcc_s|libstdc\+\+|ld-linux[^/]*|libnode|libuv|libicu\w+|libssl|libcrypto|libz|libzstd|libcares|libnghttp\w*|libbrotli\w*|libada|libsimd\w*)[.-][^/]*$/
console.log([...new Set(files)].filter((file) => !system.test(file)).join('\n'))
