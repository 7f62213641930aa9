// `npm run test:arm64 -- DIR`: cross-compiles the addon for 64-bit Arm Linux, and runs the op suite and the training of small networks with it
// under an emulator. DIR holds toolchain.cmake (a cross compiler, and a system root with oneDNN) and run, which starts Node for arm64 in an
// emulator such as qemu's user mode. Further words name other test files (ops); --no-setup takes what is compiled. An emulator is some twenty times slower: speed says nothing here.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import readline from 'node:readline'
import { fileURLToPath } from 'node:url'
import { nativeBuild } from './build-native.mjs'
import { setup, world } from './setup.mjs'
import { reader } from './support/ava-lines.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const args = process.argv.slice(2)
const isSetUp = args.includes('--no-setup')
const [tools, ...files] = args.filter((arg) => arg !== '--no-setup')
if (!tools || !existsSync(path.join(tools, 'toolchain.cmake')) || !existsSync(path.join(tools, 'run'))) {
  console.error('usage: npm run test:arm64 -- DIR [test files], where DIR holds toolchain.cmake and run')
  process.exit(2)
}

if (!isSetUp) await setup({ ...world, isForTests: false })
const definitions = [`CMAKE_TOOLCHAIN_FILE=${path.resolve(tools, 'toolchain.cmake')}`, 'WITH_CUDA=OFF', 'WERROR=ON']
const { out, commands } = nativeBuild(root, { folder: 'arm64', definitions })
for (const [command, ...args] of commands) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

// Threads and not processes: what an emulated program starts is not emulated.
const words = files.length > 0 ? files : ['ops', 'training-parity', 'trainer']
const suites = words.map((word) => (word.includes('/') ? word : `dist/test/${word}.test.js`))
const ava = ['node_modules/ava/entrypoints/cli.mjs', '--worker-threads', '--timeout=2h', ...suites]
const child = spawn(path.resolve(tools, 'run'), ava, {
  cwd: root,
  env: {
    ...process.env,
    NODE_CUDNN_ADDON: path.join(out, 'Release', 'node_cudnn.node'),
    NODE_CUDNN_CHOICES: '',
    FORCE_COLOR: '0',
  },
  stdio: ['ignore', 'pipe', 'inherit'],
})
const output = reader(false)
readline.createInterface({ input: child.stdout }).on('line', output.line)
const status = await new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)))
output.end()
const { passed, failed, skipped } = output.counts
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped (arm64, emulated)`)
process.exitCode = status !== 0 || failed > 0 || passed === 0 ? 1 : 0
