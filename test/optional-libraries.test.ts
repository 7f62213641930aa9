// Libraries for pictures and archives are opened when one is read: a broken one stops nobody else.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'

const folder = mkdtempSync(path.join(tmpdir(), 'libraries '))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

// As a library is where its binary is not there for this processor.
const hooks = path.join(folder, 'hooks.mjs')
writeFileSync(
  hooks,
  `export async function resolve(specifier, context, next) {
    if (specifier === 'sharp' || specifier === 'tar') throw new Error('no ' + specifier + ' here\\nand a page of advice')
    return next(specifier, context)
  }`,
)
const register = `import { register } from 'node:module'; register(${JSON.stringify(pathToFileURL(hooks).href)})`

/** What a process prints in which neither library can be opened. */
function withoutLibraries(body: string): string {
  const entry = JSON.stringify(new URL('../lib/index.js', import.meta.url).href)
  const script = `const cnn = await import(${entry})\n${body}`
  const args = ['--import', `data:text/javascript,${encodeURIComponent(register)}`, '--input-type=module', '--eval']
  const { stdout, stderr } = spawnSync(process.execPath, [...args, script], { encoding: 'utf8' })
  return stdout || stderr
}

test('without sharp and tar tensors are made and computed with', (t) => {
  t.is(withoutLibraries(`console.log(await cnn.tensor([1, 2, 3]).sum().item())`), '6\n')
})

test('a picture then says what cannot be opened, and how to get it', (t) => {
  const png = 'Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])'
  const text = withoutLibraries(`await cnn.data.readImage(${png}).catch((e) => console.log(e.name + ': ' + e.message))`)
  t.is(text, 'BackendError: sharp, which reads pictures, cannot be opened (no sharp here); npm install sharp\n')
})
