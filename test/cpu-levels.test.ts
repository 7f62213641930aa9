// Which library of the cpu backend is opened, and what is said where it can't be: in folders that lack one or hold a changed one.
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { type DeviceInfo, devices } from '../lib/index.js'
import { native } from '../lib/native.js'
import { runFixture } from './support/child.js'
import { temporaryFolder } from './support/temporary.js'

const addon =
  process.env.NODE_CUDNN_ADDON ?? fileURLToPath(new URL('../../build/Release/node_cudnn.node', import.meta.url))
const inFolder = temporaryFolder()
const levels = native.cpuLevels()
const best = levels[0]!
const libraryOf = (level: string) => `node_cudnn_cpu_${level}.so`

interface Found {
  levels: string[]
  devices: DeviceInfo[]
  cpu: string
  auto: string
  reference: string
}

async function look(t: ExecutionContext, env: NodeJS.ProcessEnv): Promise<Found> {
  const { NODE_CUDNN_CPU_LEVEL: _, ...rest } = process.env
  const { code, stdout, stderr } = await runFixture('cpu-device', [], [], 240, {
    ...rest,
    NODE_CUDNN_CPU_ONLY: '1',
    ...env,
  })
  t.is(code, 0, stderr)
  const found = JSON.parse(stdout) as Found
  t.is(found.reference, '6')
  t.is(found.auto, found.cpu)
  t.is(
    found.devices.some(({ name }) => name === 'cpu'),
    found.cpu === '6',
  )
  return found
}

const levelOf = ({ devices }: Found) =>
  / level (\w+),/.exec(devices.find(({ name }) => name === 'cpu')!.description)?.[1]

/** A copy of the build's folder, for a test to change; it has no CUDA plugin. */
function copyOfBuild(t: ExecutionContext): { folder: string; addon: string } {
  const folder = mkdtempSync(inFolder('build-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const from = path.dirname(addon)
  for (const name of readdirSync(from)) {
    if (name === path.basename(addon) || name.startsWith('node_cudnn_cpu_'))
      copyFileSync(path.join(from, name), path.join(folder, name))
  }
  return { folder, addon: path.join(folder, path.basename(addon)) }
}

/** Writes a library with other texts of the same length in it. */
function change(file: string, pattern: RegExp, replacement: (text: string) => string): boolean {
  const before = readFileSync(file, 'latin1')
  const after = before.replace(pattern, replacement)
  writeFileSync(file, after, 'latin1')
  return after !== before
}

test('the cpu device is opened with the best level', async (t) => {
  const found = await look(t, {})
  t.is(found.cpu, '6')
  t.is(levelOf(found), best)
  t.deepEqual(found.levels, levels)
  t.true(devices().some(({ name }) => name === 'cpu'))
})

test('NODE_CUDNN_CPU_LEVEL chooses among the levels that are here', async (t) => {
  for (const level of levels) {
    const found = await look(t, { NODE_CUDNN_CPU_LEVEL: level })
    t.is(found.cpu, '6')
    t.is(levelOf(found), level)
  }
  t.is(levelOf(await look(t, { NODE_CUDNN_CPU_LEVEL: '' })), best)
})

test('a level that is none is a ValueError', async (t) => {
  const { cpu } = await look(t, { NODE_CUDNN_CPU_LEVEL: 'v9' })
  t.regex(cpu, /^ValueError: NODE_CUDNN_CPU_LEVEL is 'v9', expected one of: \w+(, \w+)*$/)
})

const isX86 = process.arch === 'x64'
const lacked = isX86
  ? ['v4bf16', 'v4', 'v3'].find(
      (level) => !levels.includes(level) && existsSync(path.join(path.dirname(addon), libraryOf(level))),
    )
  : undefined
const ifLacking = lacked ? test : test.skip
ifLacking('a level that the processor lacks is a DeviceError', async (t) => {
  const { cpu } = await look(t, { NODE_CUDNN_CPU_LEVEL: lacked })
  t.regex(
    cpu,
    new RegExp(
      `^DeviceError: NODE_CUDNN_CPU_LEVEL is '${lacked}', but this processor lacks AVX.*, expected one of: .*v2$`,
    ),
  )
})

test('a level that is not built is a DeviceError where it is asked for, and else done without', async (t) => {
  const { folder, addon: NODE_CUDNN_ADDON } = copyOfBuild(t)
  rmSync(path.join(folder, libraryOf(best)))
  const asked = await look(t, { NODE_CUDNN_ADDON, NODE_CUDNN_CPU_LEVEL: best })
  t.is(
    asked.cpu,
    `DeviceError: NODE_CUDNN_CPU_LEVEL is '${best}', but ${path.join(folder, libraryOf(best))} does not exist`,
  )
  const found = await look(t, { NODE_CUDNN_ADDON })
  t.deepEqual(found.levels, levels.slice(1))
  if (levels.length > 1) t.is(levelOf(found), levels[1])
})

test('without any library there is no cpu device, and the error says so', async (t) => {
  const { folder, addon: NODE_CUDNN_ADDON } = copyOfBuild(t)
  for (const level of levels) rmSync(path.join(folder, libraryOf(level)))
  const found = await look(t, { NODE_CUDNN_ADDON })
  t.deepEqual(found.levels, [])
  t.regex(
    found.cpu,
    /^DeviceError: device 'cpu' can't be used: it is not built for this processor \(none of the levels .* is in .*\)$/,
  )
})

test('a library of another build is refused', async (t) => {
  const { folder, addon: NODE_CUDNN_ADDON } = copyOfBuild(t)
  const file = path.join(folder, libraryOf(best))
  t.true(change(file, /\0[0-9a-f]{64}\0/, (hash) => hash.replace(/[0-9a-f]/g, '0')))
  const { cpu } = await look(t, { NODE_CUDNN_ADDON })
  t.is(cpu, `DeviceError: device 'cpu' can't be used: ${file} belongs to another build of the addon, build both again`)
})

test('a file that is no library is reported with the reason', async (t) => {
  const { folder, addon: NODE_CUDNN_ADDON } = copyOfBuild(t)
  writeFileSync(path.join(folder, libraryOf(best)), 'text')
  const { cpu } = await look(t, { NODE_CUDNN_ADDON })
  t.regex(
    cpu,
    /^DeviceError: device 'cpu' can't be used: .*node_cudnn_cpu_.*(file too short|invalid ELF header).*; build the addon again, or use device 'reference'$/,
  )
})

const hasOneDnn = devices().some(({ description }) => description.startsWith('oneDNN'))
const withOneDnn = hasOneDnn ? test : test.skip
withOneDnn('where oneDNN is gone, the addon opens and the cpu device names it', async (t) => {
  const { folder, addon: NODE_CUDNN_ADDON } = copyOfBuild(t)
  t.true(change(path.join(folder, libraryOf(best)), /libdnnl\.so\.\d/g, () => 'libdnnl.so.0'))
  const { cpu } = await look(t, { NODE_CUDNN_ADDON })
  t.regex(
    cpu,
    /^DeviceError: device 'cpu' can't be used: libdnnl\.so\.0[.\d]* \(oneDNN\) was not found; build the addon again, or use device 'reference'$/,
  )
})
