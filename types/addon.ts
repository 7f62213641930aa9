// The addon's functions that are not ops: tensors, gradients, devices.
import type { CudaInfo, CudaOptions } from '../lib/devices.js'
import type { CudnnError, OutOfMemoryFigures } from '../lib/errors.js'
import type { DType } from './dtype.js'
import type { Handle, NativeOps, OptionalHandle } from './native.js'

export interface NativeMemory {
  live: number
  reserved: number
  peak: number
  limit: number
  tensors: number
  kernels: number
}

export interface NativeProgram {
  recordedNodes: number
  nodes: number
  steps: number
  reorders: number
  constantSteps: number
  arenaBytes: number
  constantBytes: number
  microBatch: number
  resultBytes: number
}

export interface NativeStep {
  name: string
  detail: string
  seconds: number
  multiplyAdds: number
  bytes: number
}

export interface Native {
  readonly ops: NativeOps

  fromData(device: string, dtype: DType, shape: readonly number[], data: NodeJS.TypedArray | ArrayBuffer): Handle
  /** first, first + step, …; no half types. `op` is for messages. */
  range(op: string, device: string, dtype: DType, length: number, first: number, step: number): Handle
  eye(device: string, dtype: DType, n: number): Handle
  shape(tensor: Handle): number[]
  dtype(tensor: Handle): DType
  device(tensor: Handle): string
  dispose(tensor: Handle): void
  /** Type and shape of the tensor that had this handle until lately; '' where that is forgotten. */
  disposedText(handle: Handle): string
  alias(tensor: Handle): Handle
  detach(tensor: Handle): Handle
  toDevice(tensor: Handle, device: string): Handle
  read(tensor: Handle): Promise<ArrayBuffer>
  readSync(tensor: Handle): ArrayBuffer
  handleCount(): number

  requiresGrad(tensor: Handle): boolean
  setRequiresGrad(tensor: Handle, requiresGrad: boolean): void
  isLeaf(tensor: Handle): boolean
  grad(tensor: Handle): Handle
  setGrad(tensor: Handle, gradient: OptionalHandle): void
  backward(root: Handle, gradient: OptionalHandle, retainGraph: boolean, createGraph: boolean): void
  gradients(
    root: Handle,
    gradient: OptionalHandle,
    inputs: readonly Handle[],
    retainGraph: boolean,
    createGraph: boolean,
  ): Handle[]
  gradEnabled(): boolean
  setGradEnabled(enabled: boolean): void
  /** The type in which products compute: `float32` where autocast is off. */
  autocast(): 'float32' | 'bfloat16' | 'float16'
  setAutocast(dtype: DType): void

  beginTrace(inputs: readonly Handle[]): void
  /** The id of a program, whose plan is made at its first run. */
  endTrace(results: readonly Handle[], captured: readonly Handle[], isLoose: boolean, microBatch: number): number
  /** Does nothing where nothing is recorded. */
  abortTrace(): void
  pauseTrace(isPaused: boolean): void
  provideDynamic(): number
  programHolds(program: number, inputs: readonly Handle[]): boolean
  runProgram(program: number, inputs: readonly Handle[], dynamics: readonly number[]): Handle[]
  prepareProgram(program: number, inputs: readonly Handle[]): Promise<void>
  profileProgram(program: number, inputs: readonly Handle[], dynamics: readonly number[]): Promise<NativeStep[]>
  programText(program: number, passes: number): string
  passNames(): string[]
  programFigures(program: number): NativeProgram
  disposeProgram(program: number): void

  devices(): { name: string; description: string; cuda?: CudaInfo }[]
  openDevice(name: string): string
  /** Empty where there are cuda devices. */
  whyNoCuda(): string
  /** The levels of instructions for `cpu` that this processor has and that are built, the best first. */
  cpuLevels(): string[]
  cudaOptions(): CudaOptions
  setCudaOptions(allowTf32: boolean, deterministic: boolean, benchmark: boolean, workspaceLimit: number): void
  memory(device: string): NativeMemory
  /**
   * For tests: whose kernels the device has prepared so far for each kind of op that has elements. `unary sin float32: own`, `unary sin float64: fallback`
   * (the plain loops), `argReduce float16: widened` (its kernel of float32, between conversions).
   */
  kernelKinds(device: string): string[]
  /** Bytes that the process holds from malloc; 0 where the C library does not tell. */
  heapBytes(): number
  setMemoryLimit(device: string, bytes: number): void
  resetPeak(device: string): void
  trim(device: string): void
  synchronize(device: string): Promise<void>
  synchronizeSync(device: string): void
  setCudaPlugins(files: readonly string[]): void
  stopAtExit(): void
  /** Errors of ops that failed and that nobody was told of, as they are now; null if patient while a read is under way, which may tell of them. */
  unreadFailures(isPatient: boolean): CudnnError[] | null
  /** Called after ops have failed. */
  setFailureListener(listener: () => void): void
  /** `capture` gives an object that remembers the running line, `describe` says `train.ts:12:9` of it, or nothing. */
  setSiteHooks(capture: () => object, describe: (site: object) => string): void
  /** For tests: of the requests for memory from now on, that of this number, from 1, fails; 0: none does. */
  failAllocation(device: string, number: number): void
  manualSeed(seed: number): void
  seed(): number
  offset(): number
  nextOffset(): number
  setOffset(offset: number): void
  threads(): number
  setThreads(threads: number): void
  setErrorFactory(factory: (name: string, message: string, figures?: OutOfMemoryFigures) => CudnnError): void
}
