// Where the addon is sought: what the environment names, what was built, the package for the platform; and what is said where there is none.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'

const compiled = fileURLToPath(new URL('../lib/addon-file.js', import.meta.url))

interface World {
  /** Installed packages by name, with their versions. */
  packages?: Record<string, string>
  isBuilt?: boolean
  isCheckout?: boolean
  platform?: string
  arch?: string
  hasGlibc?: boolean
  env?: Record<string, string>
}

/** What `findAddon` returns or says in such a world; folders are shortened to `…`. */
function finding(t: ExecutionContext, world: World): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'addon file '))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const root = path.join(folder, 'node_modules', 'node-cudnn')
  const write = (file: string, text: string) => {
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  write(path.join(root, 'package.json'), '{ "version": "1.2.3", "type": "module" }')
  mkdirSync(path.join(root, 'dist', 'lib'), { recursive: true })
  copyFileSync(compiled, path.join(root, 'dist', 'lib', 'addon-file.js'))
  for (const [name, version] of Object.entries(world.packages ?? {})) {
    write(path.join(folder, 'node_modules', name, 'package.json'), JSON.stringify({ version }))
  }
  if (world.isBuilt) write(path.join(root, 'build', 'Release', 'node_cudnn.node'), '')
  if (world.isCheckout) write(path.join(root, 'tsconfig.json'), '')
  const { platform = 'linux', arch = 'x64', hasGlibc = true } = world
  const header = hasGlibc ? { glibcVersionRuntime: '2.36' } : {}
  const script = `
    Object.defineProperty(process, 'platform', { value: ${JSON.stringify(platform)} })
    Object.defineProperty(process, 'arch', { value: ${JSON.stringify(arch)} })
    process.report.getReport = () => (${JSON.stringify({ header })})
    const { findAddon } = await import(${JSON.stringify(path.join(root, 'dist', 'lib', 'addon-file.js'))})
    try { console.log(JSON.stringify(findAddon())) } catch (error) { console.log(error.message) }`
  const env = { ...process.env, NODE_CUDNN_ADDON: undefined, ...world.env }
  const child = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { env, encoding: 'utf8' })
  return child.stdout.trim().replaceAll(folder, '…') || child.stderr
}

const modules = '…/node_modules'
const built = `${modules}/node-cudnn/build/Release`
const native = { '@node-cudnn/linux-x64': '1.2.3' }

test('the package for the platform is found, and its plugins, that of the newest CUDA first', (t) => {
  const packages = { ...native, '@node-cudnn/linux-x64-cuda12': '1.2.3', '@node-cudnn/linux-x64-cuda13': '1.2.3' }
  t.deepEqual(JSON.parse(finding(t, { packages })), {
    addon: `${modules}/@node-cudnn/linux-x64/node_cudnn.node`,
    cudaPlugins: [13, 12].map((major) => `${modules}/@node-cudnn/linux-x64-cuda${major}/node_cudnn_cuda.so`),
  })
})

test('what was built goes before what was installed', (t) => {
  t.deepEqual(JSON.parse(finding(t, { packages: native, isBuilt: true })), {
    addon: `${built}/node_cudnn.node`,
    cudaPlugins: [`${built}/node_cudnn_cuda.so`],
  })
})

const sentences: [string, World, string][] = [
  [
    'a package of another version is not used',
    { packages: { '@node-cudnn/linux-x64': '1.2.2' } },
    '@node-cudnn/linux-x64 is 1.2.2, expected 1.2.3; npm install @node-cudnn/linux-x64@1.2.3',
  ],
  [
    'a platform whose package was left out',
    { arch: 'arm64', packages: native },
    'the binary for this platform is not installed (npm leaves it out with --omit=optional, or where the lock file was made on ' +
      'another platform); npm install @node-cudnn/linux-arm64@1.2.3, or build it with `npx node-cudnn build`',
  ],
  ['a checkout', { isCheckout: true }, 'the native addon is not built; build it with `npm run setup`'],
  [
    'musl',
    { hasGlibc: false },
    'there is no binary for Linux with musl, only with glibc; build it with `npx node-cudnn build` (untested there)',
  ],
  [
    'macOS',
    { platform: 'darwin', arch: 'arm64' },
    'there is no binary for darwin-arm64; build it with `npx node-cudnn build` (untested there)',
  ],
  ['Windows', { platform: 'win32' }, 'it does not run on Windows; it does in WSL 2, as on Linux'],
  [
    'a file that the environment names and that is not there',
    { packages: native, env: { NODE_CUDNN_ADDON: '/nowhere/a.node' } },
    'the native addon is not built (/nowhere/a.node); build it with `npx node-cudnn build`',
  ],
]
for (const [title, world, sentence] of sentences) {
  test(`a sentence says what to do: ${title}`, (t) => t.is(finding(t, world), `node-cudnn: ${sentence}`))
}
