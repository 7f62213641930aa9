// Devices: which there are, which is used, how much memory they hold.
import type { DeviceName } from '../types/dtype.js'
import { native } from './native.js'

export interface DeviceInfo {
  name: DeviceName
  /** Library and version that compute there. */
  description: string
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

/** All devices of this machine, the best first. @example devices().map((device) => device.name) */
export function devices(): DeviceInfo[] {
  return native.devices() as DeviceInfo[]
}

let chosen: DeviceName | undefined

/** The device of tensors that are made without naming one. */
export function defaultDevice(): DeviceName {
  chosen ??= native.openDevice('auto') as DeviceName
  return chosen
}
/** Sets the device of tensors that are made without naming one. Throws DeviceError if it does not exist. */
export function setDefaultDevice(device: DeviceName): void {
  chosen = native.openDevice(device) as DeviceName
}

/** What a device holds. @example memory().live */
export function memory(device: DeviceName = defaultDevice()): MemoryInfo {
  return native.memory(device)
}
/** Lets a device reserve at most `bytes` (0: no limit); beyond that ops throw OutOfMemoryError. */
export function setMemoryLimit(bytes: number, device: DeviceName = defaultDevice()): void {
  native.setMemoryLimit(device, bytes)
}
/** Starts `peak` anew. */
export function resetPeakMemory(device: DeviceName = defaultDevice()): void {
  native.resetPeak(device)
}
/** Gives cached memory back to the system. Waits for the queue. */
export function trimMemory(device: DeviceName = defaultDevice()): void {
  native.trim(device)
}

/** Settles when everything queued so far is done; rejects with the error of an op that failed. */
export function synchronize(device: DeviceName = defaultDevice()): Promise<void> {
  return native.synchronize(device)
}
/** As `synchronize()`, but blocks the event loop. */
export function synchronizeSync(device: DeviceName = defaultDevice()): void {
  native.synchronizeSync(device)
}

/** Threads that the cpu device computes with; 0 (the default) stands for OMP_NUM_THREADS or all cores. Call it before the first tensor is made. */
export function setThreads(threads: number): void {
  native.setThreads(threads)
}
export function getThreads(): number {
  return native.threads()
}
