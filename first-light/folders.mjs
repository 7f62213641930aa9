// Folders for what is written.
import { accessSync, constants, mkdirSync, statSync } from 'node:fs'
import path from 'node:path'

function make(folder) {
  const above = path.dirname(folder)
  if (!statSync(above, { throwIfNoEntry: false })) make(above)
  if (!statSync(folder, { throwIfNoEntry: false })) mkdirSync(folder)
}

/**
 * Makes a folder and those above it, and throws a sentence that begins with `name` if it cannot be made or written to. Node's own
 * `recursive` never returns for a folder in /proc.
 */
export function makeFolder(name, folder) {
  try {
    make(folder)
    accessSync(folder, constants.W_OK)
  } catch (error) {
    throw new Error(`${name}: ${folder} cannot be made or written to (${error.code ?? error.message})`)
  }
  if (!statSync(folder).isDirectory()) throw new Error(`${name}: ${folder} is a file, expected a folder`)
}
