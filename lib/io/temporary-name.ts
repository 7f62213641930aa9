// Names for what is written beside its place and renamed at the end, and the removal of what a killed process left under such a name.
import { createHash, randomBytes } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'

// Short, whatever the target is called: its own name may be as long as a name can be.
const pattern = /^\.node-cudnn-([0-9a-f]{8})-(\d+)-[0-9a-f]{12}\.tmp$/

/** Where a process number means one process: this machine, and this container of it. */
const place = createHash('sha256').update(`${hostname()} ${numberSpace()}`).digest('hex').slice(0, 8)

/** What another machine (or container) has not written to for so long is not being written, in milliseconds. */
const longAgo = 24 * 3600e3

function numberSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

/** A path in `folder` that nothing has yet. */
export function temporaryIn(folder: string): string {
  return path.join(folder, `.node-cudnn-${place}-${process.pid}-${randomBytes(6).toString('hex')}.tmp`)
}

/** Removes what processes that are gone left in `folder` under such names; what cannot be removed stays. */
export async function removeAbandoned(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  for (const name of names) {
    const [, where, pid] = pattern.exec(name) ?? []
    if (where === undefined || pid === undefined) continue
    const file = path.join(folder, name)
    if (await isAbandoned(file, where, Number(pid))) await rm(file, { recursive: true, force: true }).catch(() => {})
  }
}

async function isAbandoned(file: string, where: string, pid: number): Promise<boolean> {
  if (where === place && pid !== process.pid) return !isRunning(pid)
  const written = await stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => Date.now(),
  )
  // A container gives its first process the same number each time: what is older than this process is not its own.
  const since = where === place ? Date.now() - process.uptime() * 1000 - 1000 : Date.now() - longAgo
  return written < since
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
