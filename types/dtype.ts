// Element types and the JavaScript arrays that hold them.

/**
 * The element types. `float32` computes everywhere, `float64` on the `reference` device, `bfloat16` and
 * `float16` everywhere, with sums in float32 and every result rounded to nearest even (optimizers take float32 and float64 alone); `int32` holds indices and labels, `uint8` pictures, `bool` conditions.
 */
export type DType = 'float32' | 'float64' | 'bfloat16' | 'float16' | 'int32' | 'uint8' | 'bool'

/** What `data()` gives for each type; half precision comes as float32, bool as 0 and 1. */
export interface DataOf {
  float32: Float32Array
  float64: Float64Array
  bfloat16: Float32Array
  float16: Float32Array
  int32: Int32Array
  uint8: Uint8Array
  bool: Uint8Array
}

export type TensorData = DataOf[DType]

/**
 * The type of a result that autocast computes in float32 (exp, log, sums, losses, …): of half precision it may be float32, every other type
 * stays.
 */
export type PreciseType<D extends DType> = DType extends D
  ? DType
  : D extends 'bfloat16' | 'float16'
    ? D | 'float32'
    : D

/**
 * The type of sums, products and quotients with a number or a tensor of the same type: that of floats stays (autocast may make float32 of
 * half precision), integers and bool become int32 or float32.
 */
export type ArithmeticType<D extends DType> = DType extends D
  ? DType
  : D extends 'int32' | 'uint8' | 'bool'
    ? 'int32' | 'float32'
    : PreciseType<D>

/** `'auto'` is the best device of the machine, `'cuda'` the first NVIDIA GPU that can be used (`'cuda:0'`, as a rule). */
export type DeviceName = 'auto' | 'cpu' | 'reference' | 'cuda' | `cuda:${number}`
