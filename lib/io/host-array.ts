// Arrays in the memory of JavaScript: what files hold, what workers send, and what a tensor is made of.
import type { DType } from '../../types/dtype.js'

export type HostData = Float32Array | Float64Array | Int32Array | Uint8Array | Uint16Array

/** An array in row-major order. float16 and bfloat16 are their bits in a Uint16Array; bool is one byte, 0 or 1. */
export interface HostArray {
  /** The element type. */
  readonly dtype: DType
  /** The sizes of the dimensions; [] for a scalar. */
  readonly shape: readonly number[]
  /** The elements, in row-major order. */
  readonly data: HostData
}

export const bytesPerElement: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int32: 4,
  uint8: 1,
  bool: 1,
}

/** The number of elements of a shape; 1 for a scalar. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** Zeros. */
export function allocate(dtype: DType, length: number): HostData {
  return typedView(dtype, new ArrayBuffer(length * bytesPerElement[dtype]))
}

/** The elements in `buffer` from its start on; no copy. */
export function typedView(dtype: DType, buffer: ArrayBuffer, byteOffset = 0, length?: number): HostData {
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, length)
    case 'float64':
      return new Float64Array(buffer, byteOffset, length)
    case 'float16':
    case 'bfloat16':
      return new Uint16Array(buffer, byteOffset, length)
    case 'int32':
      return new Int32Array(buffer, byteOffset, length)
    case 'uint8':
    case 'bool':
      return new Uint8Array(buffer, byteOffset, length)
  }
}
