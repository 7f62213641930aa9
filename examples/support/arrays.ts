// Matrices as plain nested arrays, for experiments that compute with loops.

/** Rows of numbers: [height, width]. */
export type Matrix = number[][]

/** @example matrix(3, 3, (row, column) => 3 * row + column) */
export function matrix(height: number, width: number, value: (row: number, column: number) => number): Matrix {
  return Array.from({ length: height }, (_, row) => Array.from({ length: width }, (_, column) => value(row, column)))
}

/** Whole numbers from `first` on, row by row. @example counted(3, 3, 0) */
export function counted(height: number, width: number, first: number): Matrix {
  return matrix(height, width, (row, column) => first + row * width + column)
}

/** `count` matrices: [count, height, width]. */
export function planes(
  count: number,
  height: number,
  width: number,
  value: (plane: number, row: number, column: number) => number,
): Matrix[] {
  return Array.from({ length: count }, (_, plane) => matrix(height, width, (row, column) => value(plane, row, column)))
}

/** Flat numbers as rows of `width`. */
export function rowsOf(values: ArrayLike<number>, width: number): Matrix {
  return matrix(values.length / width, width, (row, column) => values[row * width + column]!)
}
