// Compiles the TypeScript into dist/, from scratch: a file whose source is gone must not live on there.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')

rmSync(path.join(root, 'dist'), { recursive: true, force: true })
const { status } = spawnSync(process.execPath, [tsc, '--project', root], { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

// tsc reads the hand-written and generated .d.ts files but does not copy them; the published types need them.
const types = path.join(root, 'types')
if (existsSync(types)) {
  cpSync(types, path.join(root, 'dist', 'types'), {
    recursive: true,
    filter: (file) => !file.endsWith('.ts') || file.endsWith('.d.ts'),
  })
}
