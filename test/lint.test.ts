// The sources are as the formatters write them: biome for TypeScript and scripts, clang-format for C++ and CUDA.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'

const root = fileURLToPath(new URL('../../', import.meta.url))
const run = promisify(execFile)
const { cppSources, formatCpp } = (await import(new URL('scripts/format-cpp.mjs', `file://${root}`).href)) as {
  cppSources: () => string[]
  formatCpp: (options: { check: boolean }) => string[]
}

test('biome finds nothing to mend', async (t) => {
  await t.notThrowsAsync(run('npx', ['--no', 'biome', 'check', '--error-on-warnings'], { cwd: root }))
})

test('C++ and CUDA sources are as clang-format writes them', (t) => {
  t.true(cppSources().length > 300, 'the sources were found')
  t.deepEqual(formatCpp({ check: true }), [])
})
