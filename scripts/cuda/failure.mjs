// What a user should read as it is: one sentence, no stack.
export class Failure extends Error {}

/** 423138758 → "423 MB" */
export function megabytes(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${Math.round(bytes / 1e6).toLocaleString('en')} MB`
}
