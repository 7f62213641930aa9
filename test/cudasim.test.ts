// The rules of the simulated CUDA device: small programs that keep them are left alone, those that break one are caught, and told which.
import { execFileSync, spawnSync } from 'node:child_process'
import test from 'ava'
import { casesProgram, whyNotSimulated } from './support/simulated.js'

const missing = whyNotSimulated()
if (missing) {
  console.log(`skipped: the rules of the simulated CUDA device, since ${missing}`)
  test('the simulated CUDA device is not built here', (t) => t.truthy(missing))
} else {
  const list = execFileSync(casesProgram, ['--list'], { encoding: 'utf8' }).trimEnd().split('\n')
  for (const line of list) {
    const [name, expected, deadly] = line.split('\t') as [string, string, string]
    test(`${name}: ${expected || 'silent'}`, (t) => {
      const env = { ...process.env, CUDASIM_DEVICES: '2' }
      const { status, signal, stdout, stderr } = spawnSync(casesProgram, [name], {
        env,
        encoding: 'utf8',
        timeout: 60_000,
      })
      t.is(signal, deadly ? 'SIGSEGV' : null, stderr)
      if (!deadly) t.is(status, 0, stdout + stderr)
      if (expected) t.true(stderr.includes(expected), stderr)
    })
  }

  test('the first broken rule ends the process where the environment asks for it', (t) => {
    const env = { ...process.env, CUDASIM_DEVICES: '2', CUDASIM_FATAL: '1' }
    const { signal, stderr } = spawnSync(casesProgram, ['useAfterFree'], { env, encoding: 'utf8' })
    t.is(signal, 'SIGABRT')
    t.regex(stderr, /used after it was freed/)
  })

  test('a failure is ordered by the environment', (t) => {
    const env = { ...process.env, CUDASIM_DEVICES: '2', CUDASIM_FAIL: 'allocate:1:2' }
    const { status, stdout } = spawnSync(casesProgram, ['newMemoryIsNotZero'], { env, encoding: 'utf8' })
    t.is(status, 3)
    t.regex(stdout, /not so: cudaMalloc/)
  })
}
