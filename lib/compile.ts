// compile(): a function of tensors is recorded once, made into a program, and from then on runs in one native call.
import type { Handle } from '../types/native.js'
import { autocastType } from './autocast.js'
import { type Checks, checkBoolean, checkFunction, checkOptions, integerFrom, textOf } from './check.js'
import { defaultDevice } from './devices.js'
import { ValueError } from './errors.js'
import { native } from './native.js'
import { measuredPeak, Profile, type ProfiledStep } from './profile.js'
import { isGradEnabled, Tensor, wrap } from './tensor.js'
import { tidy } from './tidy.js'
import { Tracing, whileTracing } from './tracing.js'

export interface CompileOptions {
  /** Programs that are kept, one for each kind of arguments; beyond that the one that was not used for longest goes. Default 16. */
  maxPrograms?: number
  /**
   * Whether convolutions of 3×3 and 5×5 may run by Winograd's algorithm where that is faster on this machine: it needs fewer multiplications, and
   * rounds more (relative errors about 1e-5 instead of 1e-7). Which is faster is measured when a convolution is first met, on the thread that
   * computes, ahead of the first run; runs that are called before that is known still take the other. It is kept in
   * `~/.cache/node-cudnn/choices` (NODE_CUDNN_CHOICES names another file, an empty one none), so that this machine gives the same digits from
   * then on. Default false.
   * @see https://arxiv.org/abs/1509.09308 (Lavin, Gray: Fast Algorithms for Convolutional Neural Networks)
   */
  winograd?: boolean
  /**
   * How many samples of a batch go through the function together, in inference: where its results are made sample by sample along the first axis, a large batch
   * is computed in parts whose intermediate tensors stay in the processor's cache, and take that much less memory. Default 0: on the cpu as many as a
   * cache keeps, unless reading the weights again for each part would cost more; on other devices all at once. A number from 1 on is taken as it is. What can't be done
   * in parts (training, a mean over the batch) is done at once.
   */
  samplesAtOnce?: number
}

/** Options of `compile`; `samplesAtOnce` 0 stands for as many as a cache keeps. */
export const compileChecks: Checks<CompileOptions> = {
  maxPrograms: integerFrom(1),
  winograd: checkBoolean,
  samplesAtOnce: integerFrom(0),
}

/** What there is to know of one program. */
export interface ProgramInfo {
  /** The arguments that it is for, such as `float32[64, 3, 32, 32]`. */
  readonly arguments: string
  /** How often it ran. */
  readonly runs: number
  /** Ops that were recorded, and what the passes left of them. */
  readonly recordedOps: number
  readonly ops: number
  /** Kernels that a run starts, and those among them that only convert layouts. */
  readonly steps: number
  readonly reorders: number
  /** Kernels that ran once, ahead of all runs: what depends on nothing that changes. */
  readonly constantSteps: number
  /** Bytes of the arena in which all that a run makes on the way has its place. */
  readonly arenaBytes: number
  readonly constantBytes: number
  /** Samples of a batch that are computed together; 0: all, or there is no batch. */
  readonly samplesAtOnce: number
}

/** As a method, so that a module's compiled form is as assignable as its `forward`. */
interface Call<Args extends readonly unknown[], Result> {
  call(...args: Args): Result
}

/** A compiled function: it is called as the function itself. */
export type Compiled<Args extends readonly unknown[], Result> = Call<Args, Result>['call'] & CompiledMethods<Args>

/** What a compiled function can do besides. */
export interface CompiledMethods<Args extends readonly unknown[]> {
  /** The programs so far, the last used first. */
  programs(): ProgramInfo[]
  /** The last used program, one op a line; `pass` names the pass after which (`'recorded'`: before all). Default: after all. */
  toString(pass?: string): string
  /** Runs once and times each step on the device. The results are freed. */
  readonly profile: Call<Args, Promise<Profile>>['call']
  /** Frees all programs now; the next call records again. */
  dispose(): void
  [Symbol.dispose](): void
}

/** A value in which tensors stand at known places: all but the tensors is the same at each run. */
type Rebuild = (tensors: readonly Tensor[]) => unknown

interface Program {
  readonly id: number
  readonly key: string
  readonly description: string
  readonly tracing: Tracing
  readonly rebuild: Rebuild
  runs: number
}

/** Objects that are neither tensors nor plain data stand for themselves. */
const identities = new WeakMap<object, number>()
let nextIdentity = 0

/** What of an argument decides which program is for it; its tensors are put into `tensors`. */
function keyOf(value: unknown, tensors: Tensor[]): string {
  if (value instanceof Tensor) {
    tensors.push(value)
    return `${value.dtype}[${value.shape.join(', ')}]${value.requiresGrad ? ' with gradient' : ''} on ${value.device}`
  }
  if (typeof value === 'number' && Object.is(value, -0)) return '-0'
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value !== 'object' && typeof value !== 'function') return String(value)
  if (value === null) return 'null'
  if (Array.isArray(value)) return `[${value.map((item) => keyOf(item, tensors)).join(', ')}]`
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) {
    const entries = Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${keyOf(item, tensors)}`)
    return `{${entries.join(', ')}}`
  }
  let identity = identities.get(value)
  if (identity === undefined) {
    identity = nextIdentity++
    identities.set(value, identity)
  }
  return `#${identity}`
}

/** Takes a result apart: its tensors, and how to put others in their places. */
function takeApart(value: unknown, tensors: Tensor[]): Rebuild {
  if (value instanceof Tensor) {
    const place = tensors.push(value) - 1
    return (given) => given[place]
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => takeApart(item, tensors))
    return (given) => items.map((item) => item(given))
  }
  if (value instanceof Promise) {
    value.catch(() => {})
    throw new ValueError('compile: the function returned a promise, expected a synchronous function of tensors')
  }
  const isPlain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  if (isPlain) {
    const entries = Object.entries(value).map(([name, item]) => [name, takeApart(item, tensors)] as const)
    return (given) => Object.fromEntries(entries.map(([name, item]) => [name, item(given)]))
  }
  return () => value
}

/** Programs of compiled functions that nobody can call any more. */
const collected = new FinalizationRegistry<Map<number, Program>>((programs) => {
  for (const { id } of programs.values()) native.disposeProgram(id)
})

/**
 * Compiles a function of tensors. The first call with arguments of new shapes, types or plain values runs `fn` once and records the
 * ops instead of computing them: forward, `backward()`, gradient clipping, `optimizer.step()`, whatever goes through this library.
 * Passes fold and fuse them, choose layouts and pack all intermediate tensors into one block of memory. Every call, the first too,
 * then runs that program in one native call, and returns at once as all ops do.
 *
 * What `fn` decides in JavaScript is decided once: a loop over a list of layers is unrolled, a random number of `Math.random()` stays
 * what it was. The library's own random numbers are fresh in each run, learning rates are read anew, and `train()`, `eval()`,
 * `freeze()` and other shapes get programs of their own. Tensors that `fn` uses without getting them as arguments (parameters) are
 * used as they are when it runs.
 *
 * Gradients that the function leaves in `.grad` are there after each call. Clear them inside, after `step()`, and their memory is shared
 * with the other intermediates.
 *
 * @throws ValueError when `fn` reads values (`item()`, `data()`) while it is recorded, returns a promise, or when a compiled function
 * is called inside; GradientError when a result wants a gradient: call `backward()` inside, or use `noGrad`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.compile.html
 * @example
 * const step = compile((x: Tensor, y: Tensor) => {
 *   const loss = functional.crossEntropy(net.forward(x), y)
 *   loss.backward()
 *   optimizer.step()
 *   optimizer.zeroGrad()
 *   return loss.detach()
 * })
 */
export function compile<Args extends readonly unknown[], Result>(
  fn: (...args: Args) => Result,
  options: CompileOptions = {},
): Compiled<Args, Result> {
  checkFunction('compile', 'fn', fn)
  const { maxPrograms = 16, winograd = false, samplesAtOnce = 0 } = checkOptions('compile', options, compileChecks)
  // The last used comes last.
  const programs = new Map<number, Program>()

  const forget = (program: Program): void => {
    programs.delete(program.id)
    native.disposeProgram(program.id)
  }

  const record = (args: Args, key: string, inputs: readonly Handle[]): Program => {
    const tracing = new Tracing()
    let rebuild: Rebuild = () => undefined
    const id = tidy(() => {
      native.beginTrace(inputs)
      try {
        const results: Tensor[] = []
        rebuild = takeApart(
          whileTracing(tracing, () => fn(...args)),
          results,
        )
        return native.endTrace(
          results.map((result) => result.handle),
          winograd,
          samplesAtOnce,
        )
      } finally {
        native.abortTrace() // nothing is left to abort where all went well
      }
    })
    const program: Program = { id, key, description: key, tracing, rebuild, runs: 0 }
    programs.set(id, program)
    for (const oldest of programs.values()) {
      if (programs.size <= maxPrograms) break
      forget(oldest)
    }
    return program
  }

  /** The program for these arguments, recorded if there is none that holds. */
  const find = (args: Args): { program: Program; inputs: Handle[] } => {
    const tensors: Tensor[] = []
    const key = args.map((arg) => keyOf(arg, tensors)).join(', ')
    const half = autocastType()
    const full = `${key}${isGradEnabled() ? '' : ', without gradients'}${half ? `, autocast to ${half}` : ''}, ${defaultDevice()}`
    const inputs = tensors.map((tensor) => tensor.handle)
    for (const program of [...programs.values()].reverse()) {
      if (program.key !== full) continue
      if (program.tracing.holds && native.programHolds(program.id, inputs)) {
        programs.delete(program.id)
        programs.set(program.id, program)
        return { program, inputs }
      }
    }
    return { program: record(args, full, inputs), inputs }
  }

  const dynamicsOf = ({ tracing }: Program): number[] => tracing.providers.flatMap((provider) => provider.values())
  const finished = (program: Program): void => {
    for (const provider of program.tracing.providers) provider.done?.()
    program.runs++
  }

  const compiled = (...args: Args): Result => {
    const { program, inputs } = find(args)
    const outputs = native.runProgram(program.id, inputs, dynamicsOf(program))
    finished(program)
    return program.rebuild(outputs.map(wrap)) as Result
  }

  const lastUsed = (): Program => {
    const program = [...programs.values()].at(-1)
    if (!program) throw new ValueError('compile: there is no program yet; call the function first')
    return program
  }

  const methods = {
    programs: () =>
      [...programs.values()].reverse().map((program): ProgramInfo => {
        const { recordedNodes, nodes, ...figures } = native.programFigures(program.id)
        return {
          arguments: program.description,
          runs: program.runs,
          recordedOps: recordedNodes,
          ops: nodes,
          steps: figures.steps,
          reorders: figures.reorders,
          constantSteps: figures.constantSteps,
          arenaBytes: figures.arenaBytes,
          constantBytes: figures.constantBytes,
          samplesAtOnce: figures.samplesAtOnce,
        }
      }),
    toString: (pass?: string): string => {
      if (pass === undefined) return native.programText(lastUsed().id, -1)
      const names = ['recorded', ...native.passNames()]
      const place = names.indexOf(pass)
      if (place < 0)
        throw new ValueError(
          `compile: pass is ${typeof pass === 'string' ? `'${pass}'` : textOf(pass)}, expected one of ${names.join(', ')}`,
        )
      return native.programText(lastUsed().id, place)
    },
    profile: async (...args: Args): Promise<Profile> => {
      const peak = await measuredPeak()
      const { program, inputs } = find(args)
      const reading = native.profileProgram(program.id, inputs, dynamicsOf(program))
      finished(program)
      return new Profile((await reading) as ProfiledStep[], peak)
    },
    dispose: () => {
      for (const program of [...programs.values()]) forget(program)
    },
    [Symbol.dispose]: () => methods.dispose(),
  }
  const result = Object.assign(compiled, methods)
  collected.register(result, programs)
  return result
}
