#!/usr/bin/env node
// The command line, `npx node-cudnn`.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, Option } from 'commander'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const inCheckout = existsSync(path.join(root, 'tsconfig.json'))
const { version, description } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))

/** Runs one of our scripts as a process; the status of it is ours. */
function script(name, ...args) {
  const { status } = spawnSync(process.execPath, [path.join(root, 'scripts', name), ...args], { stdio: 'inherit' })
  process.exitCode = status ?? 1
  return process.exitCode === 0
}

async function build(definitions) {
  if (inCheckout) {
    if (script('setup.mjs') && definitions.length > 0) script('build-native.mjs', ...definitions)
    return
  }
  const { buildFromSource } = await import('./build-from-source.mjs')
  await buildFromSource(definitions)
}

/** The commands; `loadCuda` gives the module of those about CUDA. */
export function program(loadCuda = () => import('./cuda/command.mjs')) {
  const cli = new Command('node-cudnn').description(description).version(version)
  cli
    .command('build')
    .description('build the native addon from source, for this machine; needs a C++20 compiler and CMake')
    .argument(
      '[definitions...]',
      'for CMake: WITH_CUDA=ON, CUDNN_ROOT=/opt/cudnn, CUDA_ARCHITECTURES=90, WITH_ONEDNN=OFF, …',
    )
    .action(build)
  cli
    .command('doctor')
    .description('say what this machine has, what it lacks, and how to get that')
    .action(() => script('doctor.mjs'))

  const cuda = cli
    .command('cuda')
    .description('look at what is here for NVIDIA GPUs: driver, GPUs, plugin, libraries')
    .allowExcessArguments()
    .action(async (_options, command) => {
      const [unknown] = command.args
      if (unknown !== undefined)
        command.error(`error: unknown command 'cuda ${unknown}', expected cuda install or cuda remove`)
      await (await loadCuda()).showCuda()
    })
  const which = () =>
    new Option('--cuda <version>', 'the libraries of this CUDA, instead of what driver and plugin ask for').choices([
      '12',
      '13',
    ])
  cuda
    .command('install')
    .description(
      "get NVIDIA's libraries that GPUs need (cuDNN, cuBLAS, NVRTC, CUDA runtime; about 1.1 GB), no toolkit and no root",
    )
    .addOption(which())
    .option('--dir <folder>', "install into this folder instead of the user's cache")
    .option(
      '--index <url>',
      'a mirror of the Python package index, where NVIDIA publishes them (default: https://pypi.org/simple)',
    )
    .option('-y, --yes', "accept NVIDIA's licences without being asked, for scripts")
    .option('--force', 'get all anew, whatever is there')
    .action(async (options) => {
      const { installCommand, throughProxy } = await loadCuda()
      const status = await throughProxy()
      if (status === undefined) await installCommand(options)
      else process.exitCode = status
    })
  cuda
    .command('remove')
    .description('remove what cuda install has put here')
    .addOption(which())
    .option('--dir <folder>', 'the folder that was given to cuda install')
    .action(async (options) => (await loadCuda()).removeCommand(options))
  return cli
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await program().parseAsync()
  } catch (error) {
    const { Failure } = await import('./cuda/failure.mjs')
    // a full disk or a folder that may not be written says enough, too
    if (!(error instanceof Failure) && !error.syscall) throw error
    console.error(`node-cudnn: ${error.message}`)
    process.exitCode = 1
  }
}
