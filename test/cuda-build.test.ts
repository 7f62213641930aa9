// The plugin as it was built: by nvcc, in our own checks with warnings as errors, for sm_90 or more and PTX, and every symbol found in the real libraries.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { pluginFile } from './support/simulated.js'

const build = fileURLToPath(new URL('../../build/', import.meta.url))
const commandsFile = path.join(build, 'compile_commands.json')

interface Command {
  command: string
  file: string
}

const cached = (name: string) => {
  const cache = readFileSync(path.join(build, 'CMakeCache.txt'), 'utf8')
  return new RegExp(`^${name}:[A-Z]+=(.*)$`, 'm').exec(cache)?.[1] ?? ''
}
/** `ldd -r` binds every symbol; without LD_LIBRARY_PATH it finds the libraries that the plugin was linked to. */
const binding = () => {
  const { LD_LIBRARY_PATH: _simulated, ...env } = process.env
  return execFileSync('ldd', ['-r', pluginFile], { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] })
}

if (!existsSync(pluginFile) || process.env.NODE_CUDNN_PLUGIN) {
  const missing = existsSync(pluginFile) ? 'another one is named' : 'it is not built'
  console.log(`skipped: how the CUDA plugin was built, since ${missing}`)
  test.skip('how the CUDA plugin was built', (t) => t.fail(missing))
} else {
  test('every kernel was compiled by nvcc, with warnings as errors where that was asked for, for a processor and as PTX', (t) => {
    const commands = JSON.parse(readFileSync(commandsFile, 'utf8')) as Command[]
    const kernels = commands.filter(({ file }) => file.endsWith('.cu') && file.includes('backends/cuda/kernels'))
    t.true(kernels.length >= 20)
    for (const { command, file } of kernels) {
      t.regex(command, /nvcc/, file)
      t.is(command.includes('-Werror=all-warnings'), cached('WERROR') === 'ON', file)
      t.regex(command, /code=\[?[^"]*sm_\d+/, file)
      t.regex(command, /code=\[?[^"]*compute_\d+/, file)
    }
  })

  test('it is linked to the cuDNN and cuBLASLt that the build found, and no symbol is undefined', (t) => {
    const text = binding()
    t.notRegex(text, /undefined symbol|not found/)
    t.regex(text, /libcudnn\.so\.9 => \S*libcudnn/)
    t.regex(text, /libcublasLt\.so\.1[23] => \S*libcublasLt/)
    t.regex(text, /libcudart\.so\.1[23] => /)
    const version = readFileSync(path.join(cached('CUDNN_INCLUDE_DIR'), 'cudnn_version.h'), 'utf8')
    t.regex(version, /#define CUDNN_MAJOR\s+9\b/)
  })
}
