// From an array in host memory to a tensor on a device.
import type { DeviceName } from '../../types/dtype.js'
import { defaultDevice } from '../devices.js'
import { native } from '../native.js'
import { type Tensor, wrap } from '../tensor.js'
import type { HostArray } from './host-array.js'

/** A tensor with a copy of `array`, bit for bit. */
export function upload({ dtype, shape, data }: HostArray, device: DeviceName = defaultDevice()): Tensor {
  return wrap(native.fromData(device, dtype, shape, data))
}
