// Runs programs on the simulated CUDA device (test/cudasim), and reads what it recorded of them.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Outcome } from './child.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))
/** CUDASIM_FOLDER and NODE_CUDNN_PLUGIN name other builds, for instance those that count lines. */
const folder = process.env.CUDASIM_FOLDER ?? path.join(root, 'build/cudasim')
const libraries = path.join(folder, 'lib')

/** The programs that break its rules. */
export const casesProgram = path.join(folder, 'cases')
/** Opens the plugin without Node, records and replays. */
export const captureProgram = path.join(folder, 'capture')
export const pluginFile = process.env.NODE_CUDNN_PLUGIN ?? path.join(root, 'build/Release/node_cudnn_cuda.so')

/** What is missing to run tests on it, in a sentence; undefined where nothing is. */
export function whyNotSimulated(): string | undefined {
  if (process.env.LD_PRELOAD?.includes('libasan')) return 'it and AddressSanitizer both catch memory faults'
  if (!existsSync(casesProgram)) return 'the simulated device is not built (node scripts/build-cudasim.mjs)'
  return undefined
}
export function whyNoPlugin(): string | undefined {
  return whyNotSimulated() ?? (existsSync(pluginFile) ? undefined : 'the CUDA plugin is not built')
}

/** What the simulator saw of one process. */
export interface Report {
  /** Broken rules, a sentence each. */
  violations: string[]
  /** Kind of object → how many are alive. */
  alive: Record<string, number>
  /** The objects that are alive, a line each. */
  objects: string[]
  bytes: Record<string, number>
  calls: { call: number; allocate: number; launch: number; execute: number }
  /** Calls of the runtime by function. */
  functions: Record<string, number>
}

/** Work that ran on the simulated device (control.h). */
export interface Traffic {
  /** `kernel …`, or the function that was called. */
  what: string
  /** What a call names; of a kernel nothing. */
  bytes: number
  /** The number of the launch of a graph that it belongs to; 0: of none. */
  graph: number
  /** How often the host had waited. */
  wait: number
  /** Bytes that a kernel asks for. */
  read: number
  written: number
  /** Bytes of the sectors, of 32 each, that a kernel touches. */
  sectorBytesRead: number
  sectorBytesWritten: number
}

/** The environment in which the plugin meets the simulator; each process writes its report into `reports` as it ends. */
export function simulatedEnvironment(reports: string, settings: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  mkdirSync(reports, { recursive: true })
  return {
    ...process.env,
    LD_LIBRARY_PATH: [libraries, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
    NODE_CUDNN_CUDA_DIR: '', // libraries that were installed would go before the simulator's
    CUDASIM_REPORT: path.join(reports, '%p.json'),
    ...settings,
  }
}

export function readReports(reports: string): Report[] {
  return readdirSync(reports)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(path.join(reports, name), 'utf8')) as Report)
}

/** Everything that is wrong in the reports of processes that should have kept to the rules and left nothing. */
export function complaints(reports: Report[]): string[] {
  return reports.flatMap(({ violations, objects }) => [
    ...new Set(violations),
    ...objects.slice(0, 20).map((object) => `left behind: ${object}`),
  ])
}

/** Runs node with these arguments on the simulated device. */
export function runSimulated(
  args: string[],
  reports: string,
  settings: NodeJS.ProcessEnv = {},
  limit = 600,
): Promise<Outcome> {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: simulatedEnvironment(reports, settings),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const outcome = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => {
    outcome.stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    outcome.stderr += chunk
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), limit * 1000)
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code, signal, ...outcome })
    })
  })
}

/** The simulator's control within a process that runs on it. */
export interface Control {
  report(): string
  reset(): void
  /** The n-th call of a kind from now on fails with a status (0: its usual one); n = 0 takes the order back. */
  fail(kind: keyof Report['calls'], n: number, status: number): number
  calls(kind: keyof Report['calls']): number
  /** JSON: all that ran since the last reset, where CUDASIM_TRAFFIC=1. */
  traffic(): string
}

export function openControl(): Control {
  return createRequire(import.meta.url)(path.join(libraries, 'cudasim.node')) as Control
}
