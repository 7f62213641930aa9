// Opens the native addon; knows where it lies and says in one sentence why it cannot be opened.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import type { Native } from '../types/addon.js'
import { makeError } from './errors.js'
import { followSeed } from './io/thread-seed.js'
import { captureSite, describeSite } from './sites.js'
import { warnOfUnreadFailures } from './unread-failures.js'

const require = createRequire(import.meta.url)

/** NODE_CUDNN_ADDON names another build, for instance the one with sanitizers. */
const file =
  process.env.NODE_CUDNN_ADDON ?? fileURLToPath(new URL('../../build/Release/node_cudnn.node', import.meta.url))

function open(): Native {
  const again = 'build it with `npm run setup` in a checkout, or with `npm rebuild node-cudnn` where it is a dependency'
  if (!existsSync(file)) throw new Error(`node-cudnn: the native addon is not built (${file}); ${again}`)
  try {
    const addon = require(file) as Native
    addon.setErrorFactory(makeError)
    // Tasks must not run when exit() takes down the libraries that they run in.
    if (isMainThread) process.once('exit', () => addon.stopAtExit())
    addon.setSiteHooks(captureSite, describeSite)
    warnOfUnreadFailures(addon)
    return addon
  } catch (cause) {
    throw new Error(`node-cudnn: the native addon cannot be opened (${(cause as Error).message}); ${again}`, { cause })
  }
}

export const native = open()
followSeed((seed) => native.manualSeed(seed))
