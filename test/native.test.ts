// The native addon opens, and where it cannot, one sentence says why and how to build it.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'ava'
import { native } from '../lib/native.js'

test('the native addon opens', (t) => {
  t.is(typeof native, 'object')
})

const folder = mkdtempSync(path.join(tmpdir(), 'native '))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

/** What a process prints that opens the given file instead of the addon. */
function opening(file: string): string {
  const entry = new URL('../lib/native.js', import.meta.url).href
  const script = `await import(${JSON.stringify(entry)}).catch((error) => console.log(error.message))`
  const env = { ...process.env, NODE_CUDNN_ADDON: file }
  return spawnSync(process.execPath, ['--input-type=module', '--eval', script], { env, encoding: 'utf8' }).stdout
}

test('an addon that is not built is named', (t) => {
  const file = path.join(folder, 'absent.node')
  t.true(opening(file).startsWith(`node-cudnn: the native addon is not built (${file}); build it with`))
})

test('a file that is no addon is reported with the reason', (t) => {
  const file = path.join(folder, 'broken.node')
  writeFileSync(file, 'text')
  t.regex(opening(file), /^node-cudnn: the native addon cannot be opened \(.*broken\.node.*\); build it with/)
})
