// TypeScript's view of this project, for the scripts that read its sources.
import { fileURLToPath } from 'node:url'
import { API } from 'typescript/unstable/sync'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Calls `fn` with TypeScript's view of the project of a tsconfig.json. */
export function withProject(config, fn) {
  const api = new API({ cwd: root })
  const snapshot = api.updateSnapshot({ openProjects: [config] })
  try {
    return fn(snapshot.getProject(config))
  } finally {
    snapshot.dispose()
    // `close` ends the compiler's process by a signal that it catches, upon which it may print "context canceled". This one it cannot catch.
    api.client?.channel?.child?.kill('SIGKILL')
    api.close()
  }
}
