// The devices that suites run on: all of this machine, or those that NODE_CUDNN_TEST_DEVICES names, with commas between.
import { type DeviceInfo, devices } from '../../lib/index.js'

/** @throws Error where it names one that is not there: a suite that ran on nothing would pass. */
export function testedDevices(): DeviceInfo[] {
  const all = devices()
  const named = process.env.NODE_CUDNN_TEST_DEVICES?.split(',')
  if (!named) return all
  const names = all.map(({ name }) => name as string)
  const unknown = named.filter((name) => !names.includes(name))
  if (unknown.length > 0)
    throw new Error(`NODE_CUDNN_TEST_DEVICES names ${unknown.join(', ')}, but there are ${names.join(', ')}`)
  return all.filter(({ name }) => named.includes(name))
}
