// `npm run test:gpu`: first light in this checkout: sets up, then runs first-light/main.mjs, whose options it takes. `npm run gpu:kit` is for
// machines that can't build.
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { start } from '../first-light/main.mjs'
import { setup } from './setup.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const args = process.argv.slice(2)
await setup()
const isOutGiven = args.some((arg) => arg === '--out' || arg.startsWith('--out='))
await start(isOutGiven ? args : ['--out', path.join(root, 'out/first-light'), ...args])
