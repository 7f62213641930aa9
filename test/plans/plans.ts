// Runs the program that makes plans with the real cuDNN, and reads its answers.
import { spawn } from 'node:child_process'
import os from 'node:os'
import path from 'node:path'
import readline from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const build = path.join(root, 'build/plans')

export const architectures = [80, 90, 100, 120] as const
export const types = ['float32', 'tf32', 'float16', 'bfloat16'] as const

/** Samples in a batch of the networks' calls. */
export const batch = 32

/** What cuDNN said to one graph. */
export interface Answer {
  architecture: number
  type: string
  graph: string
  call: string
  /** Empty: there is a plan. */
  declined: string
  workspaceBytes: number
  usesTensorCores: boolean
  isCompiled: boolean
  /** Of processor time. */
  milliseconds: number
}

export interface PlanOptions {
  /** Of the graphs that cuDNN compiles, every n-th for each architecture and type. */
  compiled: number
  /** Likewise of the compiled fusions; 0: none. */
  fusions: number
}

/** Runs a command to its end; its standard output goes to `line`, its log becomes the error's message. */
function command(name: string, args: string[], input = '', env = process.env, line = (_: string) => {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, { env, stdio: ['pipe', 'pipe', 'pipe'] })
    const log: string[] = []
    const stdout: string[] = []
    readline.createInterface({ input: child.stdout }).on('line', (text) => {
      stdout.push(text)
      line(text)
    })
    readline.createInterface({ input: child.stderr }).on('line', (text) => log.push(text))
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve()
      else
        reject(
          new Error(
            [`${name} ${args.join(' ')} ended with ${code}`, ...stdout.slice(-20), ...log.slice(-40)].join('\n'),
          ),
        )
    })
    // A program that reads nothing may have ended already; how it ended is what counts.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}

/** A folder with cuDNN, cuBLASLt and NVRTC, or what is missing. */
export async function findLibraries(): Promise<{ root?: string; missing?: string }> {
  const { cudaLibraries } = await import(new URL('../../../scripts/cuda-libraries.mjs', import.meta.url).href)
  const found = (await cudaLibraries()) as { root?: string; missing?: string }
  if (!found.root) return found
  for (const program of ['cmake', 'nvcc']) {
    const isMissing = await command(program, ['--version']).then(
      () => false,
      () => true,
    )
    if (isMissing) return { missing: `${program} is not installed` }
  }
  return found
}

/** Builds the program against the libraries of a folder (see scripts/cuda-libraries.mjs). */
export async function buildProgram(libraries: string): Promise<void> {
  await command('cmake', ['-S', path.join(root, 'test/plans'), '-B', build, `-DCUDA_LIBRARIES_ROOT=${libraries}`])
  await command('cmake', ['--build', build, '--parallel', String(os.availableParallelism())])
}

function parse(line: string): Answer {
  const [architecture, type, graph, call, verdict, detail, bytes, cores, compiled, milliseconds] = line.split('\t')
  return {
    architecture: Number(architecture),
    type: type!,
    graph: graph!,
    call: call!,
    declined: verdict === 'declined' ? detail! : '',
    workspaceBytes: Number(bytes),
    usesTensorCores: cores === 'tensorCores',
    isCompiled: compiled === 'compiled',
    milliseconds: Number(milliseconds),
  }
}

/** Asks for all plans of the calls (lines as in calls.txt), one process for each architecture, as many at once as there are cores. */
export async function makePlans(calls: string, { compiled, fusions }: PlanOptions): Promise<Answer[]> {
  const answers: Answer[] = []
  const driver = path.join(build, 'driver') // stands in for libcuda.so.1
  const LD_LIBRARY_PATH = [driver, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':')
  const waiting = architectures.map((architecture, i) => ({ architecture, i }))
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const options = [
        '--architectures',
        next.architecture,
        '--types',
        types.join(','),
        '--batch',
        batch,
        '--first',
        next.i,
      ]
      const args = [...options, '--compiled', compiled, '--fusions', fusions].map(String)
      await command(path.join(build, 'plans'), args, calls, { ...process.env, LD_LIBRARY_PATH }, (line) => {
        answers.push(parse(line))
      })
    }
  }
  await Promise.all(Array.from({ length: os.availableParallelism() }, worker))
  return answers
}
