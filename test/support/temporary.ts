// A folder for one test file, removed when its tests have ended.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'ava'

/** Call it at the top of a test file; gives a path in the folder. */
export function temporaryFolder(): (...names: string[]) => string {
  const folder = mkdtempSync(path.join(tmpdir(), 'node-cudnn-'))
  test.after.always(() => rmSync(folder, { recursive: true, force: true }))
  return (...names) => path.join(folder, ...names)
}
