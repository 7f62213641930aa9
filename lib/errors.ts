// The error classes. Native code throws them through `makeError`, TypeScript code directly.

/**
 * What all errors of this package share; `error instanceof CudnnError` finds any of them.
 * @example if (error instanceof CudnnError) console.error(error.message)
 */
export class CudnnError extends Error {
  /** The name of the class. */
  override get name(): string {
    return this.constructor.name
  }
}

/**
 * A tensor has a wrong rank or size. The message names the op, what came and what was expected.
 * @example if (error instanceof ShapeError) console.error(error.message)
 */
export class ShapeError extends CudnnError {}

/**
 * A tensor has an element type that the op does not take.
 * @example if (error instanceof DTypeError) console.error(error.message)
 */
export class DTypeError extends CudnnError {}

/**
 * A parameter has a wrong value or type, or an index points outside its axis.
 * @example if (error instanceof ValueError) console.error(error.message)
 */
export class ValueError extends CudnnError {}

/**
 * A device does not exist, or tensors of one op are on different devices.
 * @example if (error instanceof DeviceError) setDefaultDevice('cpu')
 */
export class DeviceError extends CudnnError {}

/**
 * A tensor was used after `dispose()` or after the `tidy()` that made it.
 * @example if (error instanceof DisposedError) console.error(error.message)
 */
export class DisposedError extends CudnnError {}

/**
 * A gradient was asked for where none can be computed.
 * @example if (error instanceof GradientError) console.error(error.message)
 */
export class GradientError extends CudnnError {}

/**
 * A vendor library or a backend failed; the message carries its own words.
 * @example if (error instanceof BackendError) console.error(error.message)
 */
export class BackendError extends CudnnError {}

/**
 * A file cannot be read or written, or is not what its format demands.
 * @example if (error instanceof FormatError && error.code === 'ENOENT') console.error('no such file')
 */
export class FormatError extends CudnnError {
  /** The system's code where the system refused, such as `ENOENT`. */
  readonly code: string | undefined

  constructor(message: string, options: ErrorOptions & { code?: string | undefined } = {}) {
    super(message, options)
    this.code = options.code
  }
}

/**
 * A data file is nowhere and cannot be fetched, or what was fetched is not what was published.
 * @example if (error instanceof DownloadError) console.error(error.message)
 */
export class DownloadError extends CudnnError {}

/**
 * A dataset or a thread that loads it failed; `cause` is the original error where there is one.
 * @example if (error instanceof DataError) console.error(error.cause)
 */
export class DataError extends CudnnError {}

/** Bytes: `live` is held by tensors, `reserved` was taken from the system, `peak` is the highest `live`, `limit` 0 means none. */
export interface OutOfMemoryFigures {
  requested: number
  live: number
  reserved: number
  peak: number
  limit: number
}

/**
 * The device has no memory left, or the limit set with `setMemoryLimit` is reached. All figures are in bytes.
 * @example if (error instanceof OutOfMemoryError) console.error(error.figures.requested)
 */
export class OutOfMemoryError extends CudnnError {
  /** What was asked for, and what the device held. */
  readonly figures: OutOfMemoryFigures

  constructor(message: string, figures: OutOfMemoryFigures) {
    super(message)
    this.figures = figures
  }
}

const classes: Record<string, new (message: string) => CudnnError> = {
  ShapeError,
  DTypeError,
  ValueError,
  DeviceError,
  DisposedError,
  GradientError,
  BackendError,
}

/**
 * Makes the error that native code asks for by name.
 * @internal
 */
export function makeError(name: string, message: string, figures?: OutOfMemoryFigures): CudnnError {
  if (figures) return new OutOfMemoryError(message, figures)
  const Class = (typeof name === 'string' ? classes[name] : undefined) ?? BackendError
  return new Class(message)
}
