// Runs the test suite on an addon built with AddressSanitizer and UndefinedBehaviorSanitizer, in its own build folder.
import { execFileSync, spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

function node(args, env = {}) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
  if (status !== 0) process.exit(status ?? 1)
}

node(['scripts/setup.mjs', '--quiet'])
node(['scripts/build-native.mjs', '--sanitize'])

// Node itself is not instrumented, so the sanitizer's library comes first into its process, and with it the C++ library
// whose exceptions the sanitizer wants to see.
const library = (name) =>
  execFileSync(process.env.CXX ?? 'c++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim()
node(['scripts/test.mjs', '--no-setup', ...process.argv.slice(2)], {
  NODE_CUDNN_ADDON: path.join(root, 'build', 'sanitize', 'Release', 'node_cudnn.node'),
  LD_PRELOAD: `${library('libasan.so')} ${library('libstdc++.so.6')}`,
  // Node frees little at its exit, so leaks are counted by memory() in the tests instead.
  ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=0:exitcode=99',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
})
