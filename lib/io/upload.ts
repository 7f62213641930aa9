// From an array in host memory to a tensor on a device.
import type { DeviceName } from '../../types/dtype.js'
import { defaultDevice } from '../devices.js'
import '../functional/methods.js'
import { native } from '../native.js'
import { type Tensor, wrap } from '../tensor.js'
import type { HostArray } from './host-array.js'

/** A tensor with a copy of `array`, bit for bit. */
export function upload({ dtype, shape, data }: HostArray, device: DeviceName = defaultDevice()): Tensor {
  return wrap(native.fromData(device, dtype, shape, data))
}

/** Tensors by name, the first `skipped` characters left out; where one cannot be made none is left. */
export function uploadAll(
  arrays: ReadonlyMap<string, HostArray>,
  skipped: number,
  device: DeviceName | undefined,
): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = {}
  try {
    for (const [name, array] of arrays) tensors[name.slice(skipped)] = upload(array, device)
  } catch (error) {
    for (const tensor of Object.values(tensors)) tensor.dispose()
    throw error
  }
  return tensors
}
