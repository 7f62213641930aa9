// compile(): a function of tensors is recorded once, made into a program, and from then on runs in one native call.
import type { Handle } from '../types/native.js'
import { autocastType } from './autocast.js'
import { among, type Checks, checkFunction, checkOptions, integerFrom, textOf } from './check.js'
import { defaultDevice } from './devices.js'
import { ValueError } from './errors.js'
import { observeHolders } from './holders.js'
import { native } from './native.js'
import { measuredPeak, Profile, type ProfiledStep } from './profile.js'
import { isGradEnabled, Tensor, wrap } from './tensor.js'
import { tidy } from './tidy.js'
import { recordProgram, Tracing } from './tracing.js'
import { Warnings } from './warnings.js'

export interface CompileOptions {
  /** Programs that are kept, one for each kind of arguments; beyond that the one that was not used for longest goes. Default 16. */
  maxPrograms?: number
  /**
   * How results may be rounded. `'exact'`: as sums in float32 are, about 1e-7 relative. `'fast'`: algorithms that need fewer multiplications may
   * be used where they are faster on this machine, and round to about 1e-5 an op. On the cpu these are convolutions of 3×3 and 5×5 by Winograd's
   * algorithm; NaN or an infinity in its input makes NaN of every output of its tile (4×4 or 2×2).
   * Which is faster is measured when a convolution is first met, on the thread that computes, ahead of the first run. It is kept in
   * `~/.cache/node-cudnn/choices` (NODE_CUDNN_CHOICES names another file, an empty one none), so that this machine gives the same digits from
   * then on. Default `'exact'`.
   * @see https://arxiv.org/abs/1509.09308 (Lavin, Gray: Fast Algorithms for Convolutional Neural Networks)
   */
  precision?: 'exact' | 'fast'
  /**
   * How many samples of a batch go through the function together, in inference: where its results are made sample by sample along the first axis, a large batch
   * is computed in parts whose intermediate tensors stay in the processor's cache, and take that much less memory. Default 0: on the cpu as many as a
   * cache keeps, unless reading the weights again for each part would cost more; on other devices all at once. A number from 1 on is taken as it is. What can't be done
   * in parts (training, a mean over the batch) is done at once.
   */
  microBatch?: number
}

/** Options of `compile`; `microBatch` 0 stands for as many as a cache keeps. */
export const compileChecks: Checks<CompileOptions> = {
  maxPrograms: integerFrom(1),
  precision: among('exact', 'fast'),
  microBatch: integerFrom(0),
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
  /** Bytes of what is computed of weights ahead of all runs. Programs that want the same of the same weights (other batch sizes) share it. */
  readonly constantBytes: number
  /** Samples of a batch that are computed together; 0: all, or there is no batch. */
  readonly microBatch: number
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
  /**
   * Records a program for arguments like these where there is none yet, and resolves when the device's thread has made it ready, so that the next call
   * with such arguments runs it as every later one. Nothing is computed. Without it the first call does as much, and its results wait for it.
   * @throws (as a rejection) what recording throws, and BackendError where the device has no kernel for an op.
   * @example await predict.prepare(zeros([1, 3, 224, 224]))
   */
  readonly prepare: Call<Args, Promise<void>>['call']
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

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** What of an argument decides which program is for it; its tensors are put into `tensors`. `isNumberFree`: its numbers make no difference. */
function keyOf(value: unknown, tensors: Tensor[], isNumberFree = false): string {
  if (value instanceof Tensor) {
    tensors.push(value)
    return `${value.dtype}[${value.shape.join(', ')}]${value.requiresGrad ? ' with gradient' : ''} on ${value.device}`
  }
  if (typeof value === 'number' && isNumberFree) return 'number'
  if (typeof value === 'number' && Object.is(value, -0)) return '-0'
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value !== 'object' && typeof value !== 'function') return String(value)
  if (value === null) return 'null'
  if (Array.isArray(value)) return `[${value.map((item) => keyOf(item, tensors, isNumberFree)).join(', ')}]`
  if (isPlainObject(value)) {
    const entries = Object.entries(value).map(
      ([name, item]) => `${JSON.stringify(name)}: ${keyOf(item, tensors, isNumberFree)}`,
    )
    return `{${entries.join(', ')}}`
  }
  let identity = identities.get(value)
  if (identity === undefined) {
    identity = nextIdentity++
    identities.set(value, identity)
  }
  return `#${identity}`
}

/** Takes a value apart: its tensors, and how to put others in their places. */
function takeApart(value: unknown, tensors: Tensor[]): Rebuild {
  if (value instanceof Tensor) {
    const place = tensors.push(value) - 1
    return (given) => given[place]
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => takeApart(item, tensors))
    return (given) => items.map((item) => item(given))
  }
  if (isPlainObject(value)) {
    const entries = Object.entries(value).map(([name, item]) => [name, takeApart(item, tensors)] as const)
    return (given) => Object.fromEntries(entries.map(([name, item]) => [name, item(given)]))
  }
  return () => value
}

function refusePromise(result: unknown): void {
  if (!(result instanceof Promise)) return
  result.catch(() => {})
  throw new ValueError('compile: the function returned a promise, expected a synchronous function of tensors')
}

/** Programs of compiled functions that nobody can call any more: their numbers only, since a function may be reached from what it captured. */
const collected = new FinalizationRegistry<Set<number>>((ids) => {
  for (const id of ids) native.disposeProgram(id)
})

/**
 * Compiles a function of tensors. The first call with arguments of new shapes, types or plain values runs `fn` once and records the
 * ops instead of computing them: forward, `backward()`, gradient clipping, `optimizer.step()`, whatever goes through this library.
 * Passes fold and fuse them, choose layouts and pack all intermediate tensors into one block of memory. Every call, the first too,
 * then runs that program in one native call, and returns at once as all ops do. The passes and the choice of kernels take tens of milliseconds for a
 * large network: the device's thread does them ahead of the first run, and what fails there rejects the reads of its results. `prepare()` waits for them.
 *
 * What `fn` decides in JavaScript is decided once: a loop over a list of layers is unrolled, a random number of `Math.random()` stays
 * what it was. The library's own random numbers are fresh in each run, learning rates are read anew, and `train()`, `eval()`,
 * `freeze()` and other shapes get programs of their own. Tensors that `fn` uses without getting them as arguments (parameters) are
 * used as they are when it runs; after one was disposed of or moved `fn` is recorded anew.
 *
 * So it is when a field has changed of a module whose `forward` runs in it, or by which such a module or tensor is held: a layer or a
 * parameter that was replaced, a number, an array or plain object of these. It is not where what changed can't be seen: a variable around
 * `fn` that names another tensor or number by now, a private field (`#name`), the inside of other objects, what a function that is used as
 * a layer closes over. Such a program goes on with what was there when it was recorded; `dispose()` makes it forget that. A number that
 * changes from call to call belongs into a tensor: as an argument each of its values gets a program.
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
  const { maxPrograms = 16, precision = 'exact', microBatch = 0 } = checkOptions('compile', options, compileChecks)
  // The last used comes last.
  const programs = new Map<number, Program>()
  const ids = new Set<number>()
  const warnings = new Warnings()

  const forget = (program: Program): void => {
    programs.delete(program.id)
    ids.delete(program.id)
    native.disposeProgram(program.id)
  }

  const record = (args: Args, key: string, inputs: readonly Handle[]): Program => {
    const tracing = new Tracing(warnings.suspects)
    let rebuild: Rebuild = () => undefined
    const id = tidy(() => {
      const given: Tensor[] = []
      const rebuildArgs = takeApart(args, given)
      // The function gets tensors of its own: where it uses an argument by another name as well, that is told apart.
      const own = new Map(given.map((tensor) => [tensor, wrap(native.alias(tensor.handle))]))
      for (const tensor of own.values()) tracing.make(tensor)
      return recordProgram(tracing, inputs, { precision, microBatch }, () => {
        const result = fn(...(rebuildArgs(given.map((tensor) => own.get(tensor)!)) as unknown as Args))
        refusePromise(result)
        const results: Tensor[] = []
        rebuild = takeApart(result, results)
        const used = results.map((tensor) => tensor.handle)
        observeHolders(tracing)
        return used
      })
    })
    const program: Program = { id, key, description: key, tracing, rebuild, runs: 0 }
    programs.set(id, program)
    ids.add(id)
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
    let last: Program | undefined
    for (const program of [...programs.values()].reverse()) {
      if (program.key !== full) continue
      const validity = program.tracing.validity(inputs)
      if (validity === 'lost') {
        forget(program)
      } else if (validity === 'valid') {
        programs.delete(program.id)
        programs.set(program.id, program)
        return { program, inputs }
      } else {
        last ??= program
      }
    }
    if (last?.tracing.change) warnings.onChange(last.tracing.change)
    if (!last) warnings.onKey(args.map((arg) => keyOf(arg, [], true)).join(', '), key)
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
          microBatch: figures.microBatch,
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
    prepare: async (...args: Args): Promise<void> => {
      const { program, inputs } = find(args)
      await native.prepareProgram(program.id, inputs)
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
  collected.register(result, ids)
  return result
}
