// Devices: which there are, which is used, how much memory they hold.
import type { DeviceName } from '../types/dtype.js'
import { type Checks, checkBoolean, checkOptions, integerFrom } from './check.js'
import { native } from './native.js'

export interface DeviceInfo {
  name: DeviceName
  /** Library and version that compute there; of `cpu` also the level of instructions, which NODE_CUDNN_CPU_LEVEL may lower (`v2`, `v3`, …). */
  description: string
  /** What is known of an NVIDIA GPU; absent on other devices. */
  cuda?: CudaInfo
}

export interface CudaInfo {
  /** As the driver calls it: `'NVIDIA H100 80GB HBM3'`. */
  product: string
  /** `'9.0'` */
  computeCapability: string
  /** Bytes. */
  memory: number
  multiprocessors: number
  /** How it computes now. */
  options: CudaOptions
  /** What is missing, where most things work without it, and, of the first GPU, which others are not used and why. */
  warning?: string
}

/** How the cuda devices compute, in PyTorch's words (https://docs.pytorch.org/docs/stable/backends.html). */
export interface CudaOptions {
  /** float32 products may round their factors to TF32 (10 bits of mantissa), which is several times faster. Default true; NODE_CUDNN_ALLOW_TF32. */
  allowTf32: boolean
  /** Only algorithms that give the same bits at each run. Default false; NODE_CUDNN_DETERMINISTIC. */
  deterministic: boolean
  /** Time cuDNN's candidates instead of trusting its heuristic. Default false; NODE_CUDNN_BENCHMARK. */
  benchmark: boolean
  /** Bytes of scratch memory that one op may take. Default 268435456 (256 MiB); NODE_CUDNN_WORKSPACE_LIMIT. */
  workspaceLimit: number
}

/** Bytes, but for the counts. */
export interface MemoryInfo {
  /** Held by tensors. */
  live: number
  /** Taken from the system: live, cached and workspace. */
  reserved: number
  /** The highest `live` since the start or `resetPeakMemory`. */
  peak: number
  /** 0: none. */
  limit: number
  /** Number of blocks that tensors hold. */
  tensors: number
  /** Number of prepared kernels in the cache. */
  kernels: number
}

/**
 * All devices of this machine that can be used, the best first; using another says what it lacks.
 * @example devices().map((device) => device.name)
 */
export function devices(): DeviceInfo[] {
  return native.devices() as DeviceInfo[]
}

/**
 * True if this machine has a cuda device that can be used.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.cuda.is_available.html
 * @example const device = isCudaAvailable() ? 'cuda:0' : 'cpu'
 */
export function isCudaAvailable(): boolean {
  return native.whyNoCuda() === ''
}
/**
 * What a cuda device lacks here, in a sentence; undefined where there is one. docs/cuda.md holds the cures.
 * @example console.log(whyNoCuda() ?? 'there is a GPU')
 */
export function whyNoCuda(): string | undefined {
  return native.whyNoCuda() || undefined
}

/**
 * How the cuda devices of this process compute.
 * @example const { allowTf32 } = cudaOptions()
 */
export function cudaOptions(): CudaOptions {
  return native.cudaOptions()
}
const cudaChecks: Checks<CudaOptions> = {
  allowTf32: checkBoolean,
  deterministic: checkBoolean,
  benchmark: checkBoolean,
  workspaceLimit: integerFrom(0),
}

/**
 * Changes how the cuda devices compute, for all threads of the process; what is not given stays as it is. Takes effect at
 * the next op.
 * @throws ValueError for an option of another kind or another name.
 * @see https://docs.pytorch.org/docs/stable/backends.html
 * @example setCudaOptions({ allowTf32: false, deterministic: true })
 */
export function setCudaOptions(options: Partial<CudaOptions>): void {
  checkOptions('setCudaOptions', options, cudaChecks)
  const { allowTf32, deterministic, benchmark, workspaceLimit } = { ...native.cudaOptions(), ...options }
  native.setCudaOptions(allowTf32, deterministic, benchmark, workspaceLimit)
}

let chosen: DeviceName | undefined

/**
 * The device of tensors that are made without naming one: at first the best one.
 * @throws DeviceError where there is none.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.get_default_device.html
 * @example const device = defaultDevice()
 */
export function defaultDevice(): DeviceName {
  chosen ??= native.openDevice('auto') as DeviceName
  return chosen
}
/**
 * Sets the device of tensors that are made without naming one, in this thread.
 * @throws DeviceError if it does not exist.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.set_default_device.html
 * @example setDefaultDevice('cpu')
 */
export function setDefaultDevice(device: DeviceName): void {
  chosen = native.openDevice(device) as DeviceName
}

/**
 * What a device holds, in bytes. Default: the default device.
 * @throws DeviceError if it does not exist.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.cuda.memory.memory_stats.html
 * @example memory().live
 */
export function memory(device: DeviceName = defaultDevice()): MemoryInfo {
  return native.memory(device)
}
/**
 * Lets a device reserve at most `bytes` (0: no limit); beyond that ops throw OutOfMemoryError. Where memory that this thread's queued ops still use would
 * make room, an op waits for them; for those of other threads half a second at most. Default device: the default one.
 * @throws ValueError for what is no number of bytes, DeviceError for a device that does not exist.
 * @example setMemoryLimit(2 * 2 ** 30)
 */
export function setMemoryLimit(bytes: number, device: DeviceName = defaultDevice()): void {
  native.setMemoryLimit(device, bytes)
}
/**
 * Starts `peak` of `memory()` anew.
 * @throws DeviceError if the device does not exist.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.cuda.memory.reset_peak_memory_stats.html
 * @example resetPeakMemory()
 */
export function resetPeakMemory(device: DeviceName = defaultDevice()): void {
  native.resetPeak(device)
}
/**
 * Gives cached memory back to the system, except what queued ops may still use; waits half a second at most for those of this thread.
 * @throws DeviceError if the device does not exist.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.cuda.memory.empty_cache.html
 * @example trimMemory()
 */
export function trimMemory(device: DeviceName = defaultDevice()): void {
  native.trim(device)
}

/**
 * Settles when everything queued so far is done; rejects, once, with the error of an op that failed and of which no read has told. Where short waits were enough lately, it spins for up to
 * 0.1 ms before it returns, as `data()` does: to be woken from sleep would take longer than a small network.
 * @throws DeviceError if the device does not exist.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.cuda.synchronize.html
 * @example await synchronize()
 */
export function synchronize(device: DeviceName = defaultDevice()): Promise<void> {
  return native.synchronize(device)
}
/**
 * As `synchronize()`, but blocks the event loop.
 * @throws What an op threw that failed and of which no read has told.
 * @example synchronizeSync()
 */
export function synchronizeSync(device: DeviceName = defaultDevice()): void {
  native.synchronizeSync(device)
}

/**
 * Sets the number of threads that the cpu device computes with; 0 (the default) stands for OMP_NUM_THREADS or all cores. Call it before the first
 * tensor is made.
 * @throws ValueError for what is no whole number of at least 0.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.set_num_threads.html
 * @example setThreads(4)
 */
export function setThreads(threads: number): void {
  native.setThreads(threads)
}
/**
 * The number of threads that the cpu device computes with.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.get_num_threads.html
 * @example const threads = getThreads()
 */
export function getThreads(): number {
  return native.threads()
}
