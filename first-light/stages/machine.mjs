// What is there: the system, the driver, the libraries, what the package makes of them.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { table, text } from '../blocks.mjs'
import { whyFailed } from '../processes.mjs'
import { runProgram } from './ask.mjs'

const queried = [
  'name',
  'driver_version',
  'compute_cap',
  'memory.total',
  'memory.used',
  'clocks.max.sm',
  'clocks.max.memory',
  'power.limit',
  'persistence_mode',
  'mig.mode.current',
  'pcie.link.gen.max',
  'pcie.link.width.max',
]

const read = (file) => (existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined)

function system() {
  const release = /^PRETTY_NAME="?(.*?)"?$/m.exec(read('/etc/os-release') ?? '')?.[1]
  return {
    what: 'system',
    os: `${release ?? os.type()}, Linux ${os.release()}`,
    glibc: process.report.getReport().header.glibcVersionRuntime,
    processor: os.cpus()[0]?.model,
    threads: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    node: process.version,
  }
}

async function driver({ processes, record }) {
  const nodes = readdirSync('/dev').filter((name) => name.startsWith('nvidia') || name === 'dxg')
  const module = read('/proc/driver/nvidia/version')?.split('\n')[0]
  record({ what: 'driver', module: module ?? 'no kernel module of NVIDIA is loaded', nodes })
  const args = [`--query-gpu=${queried.join(',')}`, '--format=csv,noheader']
  const outcome = await processes.run('nvidia-smi', args, { limit: 30 })
  const why = outcome.code === 127 ? 'nvidia-smi is not installed' : whyFailed(outcome)
  const rows = why
    ? []
    : outcome.stdout
        .trim()
        .split('\n')
        .map((line) => line.split(', '))
  record({ what: 'nvidia-smi', why, columns: queried, rows })
}

/** What the loader finds for the plugin, and what it does not. */
async function libraries(context) {
  const { env, libraries, processes, record } = context
  record({ what: 'libraries', from: libraries })
  let plugin
  const failure = await runProgram(context, 'files.mjs', [], 30, ({ cudaPlugins }) => {
    plugin = cudaPlugins.find((file) => existsSync(file))
  })
  if (!plugin)
    return record({ what: 'ldd', why: failure ?? 'there is no CUDA plugin', found: [], missing: [], symbols: [] })

  const folder = env.NODE_CUDNN_CUDA_DIR ?? path.join(env.HOME || os.homedir(), '.cache/node-cudnn')
  const installed = ['cuda-13', 'cuda-12'].map((name) => path.join(folder, name)).filter((each) => existsSync(each))
  // the addon opens these by their full paths; ldd has to be told
  const searched = [...(folder ? installed : []), env.LD_LIBRARY_PATH].filter(Boolean).join(':')
  const outcome = await processes.run('ldd', ['-r', plugin], { limit: 30, env: { ...env, LD_LIBRARY_PATH: searched } })
  const lines = `${outcome.stdout}\n${outcome.stderr}`.split('\n').map((line) => line.trim())
  record({
    what: 'ldd',
    why: outcome.code === 127 ? 'ldd is not installed' : undefined,
    found: lines.filter((line) => /lib(cu|nv)\S+ => \//.test(line)),
    missing: lines.filter((line) => line.includes('not found')).map((line) => line.split(' ')[0]),
    symbols: lines.flatMap((line) => /(?:undefined symbol|symbol lookup error): ([^,\s]+)/.exec(line)?.[1] ?? []),
  })
}

async function devices(context) {
  const { facts, record } = context
  const why = await runProgram(context, 'devices.mjs', [], 120, (found) => {
    record({ what: 'devices', ...found })
    facts.device = found.devices.find(({ name }) => name === context.device)
    facts.whyNoDevice = found.whyNoCuda ?? `the devices are ${found.devices.map(({ name }) => name).join(', ')}`
    facts.isSimulated = facts.device?.cuda?.product.startsWith('simulated') ?? false
    facts.size = context.size ?? (facts.isSimulated ? 'small' : 'full')
  })
  if (!why) return
  facts.whyNoDevice = `devices() failed, ${why}`
  record({ what: 'devices', why, devices: [] })
}

async function torchVersion({ torch, torchEnv, processes, record }) {
  if (!torch) return
  const script =
    'import torch; print(torch.__version__, "for CUDA", torch.version.cuda, "sees", torch.cuda.device_count(), "GPUs")'
  const outcome = await processes.run(torch, ['-c', script], { env: torchEnv, limit: 120 })
  record({ what: 'torch', version: outcome.stdout.trim() || undefined, why: whyFailed(outcome) })
}

async function doctor({ root, env, processes, record }) {
  const outcome = await processes.run(process.execPath, ['scripts/doctor.mjs'], { cwd: root, env, limit: 120 })
  record({ what: 'doctor', why: outcome.stdout ? undefined : whyFailed(outcome), text: outcome.stdout.trimEnd() })
}

/** What ldd misses, in a sentence. A library that is absent takes its symbols along. */
function verdict({ missing, symbols }) {
  if (missing.length > 0) {
    return `${missing.join(', ')} ${missing.length > 1 ? 'were' : 'was'} not found, and with that ${symbols.length} symbols are missing`
  }
  if (symbols.length > 0) return `the libraries lack ${symbols.join(', ')}`
  return 'every library and symbol that the plugin names was found'
}

export const machine = {
  name: 'machine',
  title: 'What is there',
  weight: 2,
  most: 240,
  async run(context) {
    context.record(system())
    await driver(context)
    await libraries(context)
    await devices(context)
    await torchVersion(context)
    await doctor(context)
  },
  show(results, { options }) {
    const of = (what) => results.find((each) => each.what === what)
    const blocks = []
    const { os, glibc, processor, threads, memoryGiB, node } = of('system') ?? {}
    const facts = [
      ['system', os],
      ['glibc', glibc],
      ['processor', processor && `${processor}, ${threads} threads, ${memoryGiB} GiB`],
      ['Node', node],
      ['kernel module', of('driver')?.module],
      ['device files', of('driver')?.nodes.join(', ')],
      ['libraries', of('libraries')?.from],
      ['PyTorch', of('torch')?.version ?? of('torch')?.why],
    ]
    const smi = of('nvidia-smi')
    const rows = smi?.rows ?? []
    for (const [i, column] of (smi?.columns ?? []).entries()) {
      if (rows.length > 0) facts.push([column, rows.map((row) => row[i]).join(' · ')])
    }
    for (const { name, description, cuda } of of('devices')?.devices ?? []) {
      facts.push([name, description])
      if (cuda) facts.push([`${name}, options`, JSON.stringify(cuda.options)])
      if (cuda?.warning) facts.push([`${name}, warning`, cuda.warning])
    }
    blocks.push(
      table(
        ['', ''],
        facts.filter(([, value]) => value !== undefined && value !== ''),
      ),
    )
    if (smi?.why) blocks.push(text(`nvidia-smi: ${smi.why}.`))
    const ldd = of('ldd')
    if (ldd?.why) blocks.push(text(`ldd -r: ${ldd.why}.`))
    else if (ldd) blocks.push(text(`ldd -r: ${verdict(ldd)}.`))
    if (ldd?.found.length > 0) blocks.push(text(ldd.found.join('\n'), true))
    if (of('devices')?.whyNoCuda) {
      blocks.push(text(`No CUDA device: ${of('devices').whyNoCuda}.`))
      const install =
        'In a kit `npx node-cudnn` is `bin/node scripts/cli.mjs`; --cuda-libraries names a folder that has the libraries.'
      if (options.kit) blocks.push(text(install))
    }
    if (of('devices')?.why) blocks.push(text(`devices(): ${of('devices').why}`))
    if (of('doctor')) blocks.push(text(of('doctor').text || of('doctor').why, true))
    return blocks
  },
}
