// Runs suites on the simulated CUDA device: `npm run test:sim -- ops` builds what is missing (addon with the plugin, simulator, TypeScript) and
// runs the test files with that word in their names where `cuda:0` is simulated. It fails where a test fails, where a program breaks a rule of
// NVIDIA's libraries or leaves something behind, and where nothing ran on the device. Arguments are those of `npm test`; the variables of
// test/cudasim/README.md change the device (`CUDASIM_REVERSE=1 npm run test:sim -- ops`).
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { setup, world } from './setup.mjs'
import { runAva } from './support/ava.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const support = path.join(root, 'dist/test/support/simulated.js')

async function main(args) {
  const refuse = (sentence) => {
    console.error(`test:sim: ${sentence}`)
    return 1
  }
  const rest = args.filter((arg) => arg !== '--no-setup')
  if (rest.every((arg) => arg.startsWith('-'))) return refuse('name a suite, for instance: npm run test:sim -- ops')
  if (!args.includes('--no-setup')) {
    try {
      await setup({ ...world, isForTests: true, print: (text) => process.stderr.write(text) })
    } catch (error) {
      return refuse(error.message)
    }
  }
  if (!existsSync(support)) return refuse('the tests are not compiled: npm run build:ts')
  const { complaints, readReports, simulatedEnvironment, whyNoPlugin } = await import(pathToFileURL(support).href)
  const missing = whyNoPlugin()
  if (missing) {
    return refuse(
      `${missing}. It takes nvcc and the headers of cuDNN, and no WITH_CUDA=OFF kept from an earlier build (.build-options.json); docs/cuda.md says more`,
    )
  }

  const folder = mkdtempSync(path.join(tmpdir(), 'node-cudnn-sim-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return runAva(root, rest, simulatedEnvironment(folder), () => {
    const reports = readReports(folder)
    const launches = reports.reduce((sum, { calls }) => sum + calls.launch, 0)
    if (launches === 0) return ['nothing ran on the simulated device: these tests use no cuda device']
    console.log(`${launches} kernels ran on the simulated device`)
    return complaints(reports)
  })
}

process.exitCode = await main(process.argv.slice(2))
