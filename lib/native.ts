// Opens the native addon, or says in one sentence why it cannot be opened.
import { createRequire } from 'node:module'
import { isMainThread } from 'node:worker_threads'
import type { Native } from '../types/addon.js'
import { findAddon, howToBuild } from './addon-file.js'
import { makeError } from './errors.js'
import { followSeed } from './io/thread-seed.js'
import { captureSite, describeSite } from './sites.js'
import { warnOfUnreadFailures } from './unread-failures.js'

const require = createRequire(import.meta.url)

function open(): Native {
  const { addon: file, cudaPlugins } = findAddon()
  try {
    const addon = require(file) as Native
    addon.setErrorFactory(makeError)
    addon.setCudaPlugins(cudaPlugins)
    // Queued tasks must stop before exit() unloads the libraries that they run in.
    if (isMainThread) process.once('exit', () => addon.stopAtExit())
    addon.setSiteHooks(captureSite, describeSite)
    warnOfUnreadFailures(addon)
    return addon
  } catch (cause) {
    throw new Error(`node-cudnn: the native addon cannot be opened (${(cause as Error).message}); ${howToBuild}`, {
      cause,
    })
  }
}

export const native = open()
followSeed((seed) => native.manualSeed(seed))
