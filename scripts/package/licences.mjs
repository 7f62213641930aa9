// The licences of libraries that a package carries, as Debian's packages of them state them.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** The start of the name of Debian's package for each library. */
const packages = { 'libdnnl.so': 'libdnnl', 'libgomp.so': 'libgomp1', 'libOpenCL.so': 'ocl-icd-libopencl1' }

/** One text for all of them. `system` is the root of the system that the libraries come from. */
export function licences(names, system) {
  const docs = path.join(system, 'usr', 'share', 'doc')
  const texts = names.map((name) => {
    const start = packages[name.replace(/\.so.*/, '.so')]
    const folder =
      start &&
      readdirSync(docs).find((each) => each.startsWith(start) && existsSync(path.join(docs, each, 'copyright')))
    if (!folder) throw new Error(`no licence of ${name} was found in ${docs}; it can't be passed on without one`)
    return `${name} is taken unchanged from Debian's package ${folder}, whose copyright file says:\n\n${readFileSync(path.join(docs, folder, 'copyright'), 'utf8')}`
  })
  return texts.join(`\n${'-'.repeat(100)}\n\n`)
}
