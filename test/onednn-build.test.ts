// Which oneDNN the build takes: one that has another version, or is broken, is none. A sentence says so, and the build goes on without it.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = mkdtempSync(path.join(tmpdir(), 'node-cudnn-onednn-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

/** What CMake says of oneDNN where that lies under `prefix`, and its status. All share a build folder, as on a machine whose oneDNN changes. */
function configure(prefix: string, ...definitions: string[]) {
  const given = ['WITH_CUDA=OFF', `ONEDNN_ROOT=${prefix}`, ...definitions].map((each) => `-D${each}`)
  const { status, stdout, stderr } = spawnSync('cmake', ['-S', root, '-B', path.join(folder, 'build'), ...given], {
    encoding: 'utf8',
  })
  const said = /^-- oneDNN: (.*)$/m.exec(stdout)?.[1] ?? ''
  return { status, said, error: stderr.replace(/\s+/g, ' ') }
}

/** A folder with `include` and `lib`: files by their names. */
function prefix(name: string, files: Record<string, string>) {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name, file)), { recursive: true })
    writeFileSync(path.join(folder, name, file), text)
  }
  return path.join(folder, name)
}

const header = 'include/oneapi/dnnl/dnnl.hpp'
const versionHeader = 'include/oneapi/dnnl/dnnl_version.h'
const library = 'lib/libdnnl.so'
const versionText = (version: string) =>
  ['MAJOR', 'MINOR', 'PATCH'].map((part, i) => `#define DNNL_VERSION_${part} ${version.split('.')[i]}\n`).join('')

const goesOn = 'the cpu device will '

test.serial('one that is not there, or only in part', (t) => {
  const none = configure(prefix('none', { 'include/other.h': '' }))
  t.is(none.status, 0)
  t.regex(none.said, /^not used, since oneapi\/dnnl\/dnnl\.hpp was not found in .*none; /)
  t.true(none.said.includes(goesOn))
  const noLibrary = configure(prefix('no-library', { [header]: '', [versionHeader]: versionText('2.6.3') }))
  t.is(noLibrary.status, 0)
  t.regex(noLibrary.said, /^not used, since .*dnnl\.hpp is there, but not libdnnl; /)
  const noVersion = configure(prefix('no-version', { [header]: '', [library]: '' }))
  t.is(noVersion.status, 0)
  t.regex(noVersion.said, /^not used, since .*dnnl\.hpp has no version beside it; /)
})

test.serial('one of another version', (t) => {
  for (const version of ['1.8.0', '2.0.0', '2.5.4', '2.8.0', '3.0.1', '4.0.0', '26.1.0']) {
    const files = { [header]: '#error not looked at', [versionHeader]: versionText(version), [library]: '' }
    const { status, said } = configure(prefix(version, files))
    t.is(status, 0)
    t.true(said.startsWith('not used, since '), said)
    t.true(said.includes(`is of version ${version}, and 2.6, 2.7 or 3.1 and later of 3.x is needed; ${goesOn}`), said)
  }
})

test.serial('one of the right version with which nothing can be built', (t) => {
  const files = { [header]: '#error a broken header', [versionHeader]: versionText('3.1.1'), [library]: '' }
  const { status, said, error } = configure(prefix('broken', files))
  t.is(status, 0)
  t.is(error.includes('a broken header'), false)
  const log = /^not used, since the one of version 3\.1\.1 .* is broken: nothing can be built with it \((.*)\); /.exec(
    said,
  )?.[1]
  t.true(readFileSync(log ?? '', 'utf8').includes('a broken header'))
})

test.serial('demanded, one that does not serve is an error', (t) => {
  const { status, error } = configure(path.join(folder, 'none'), 'WITH_ONEDNN=ON')
  t.not(status, 0)
  t.regex(error, /WITH_ONEDNN=ON, but oneapi\/dnnl\/dnnl\.hpp was not found in/)
})

const system = spawnSync(
  'sh',
  ['-c', 'echo "#include <oneapi/dnnl/dnnl_version.h>" | c++ -E -x c++ - | grep -o \'/[^"]*/dnnl_version.h\''],
  {
    encoding: 'utf8',
  },
).stdout.split('\n')[0]

if (!system) {
  test.skip('the one of this machine, and its header beside another library', (t) => t.fail('it has none'))
} else {
  const include = path.dirname(system)
  const found = execFileSync('sh', ['-c', "ldconfig -p | sed -n 's/.*libdnnl\\.so\\.[0-9.]* .*=> //p'"], {
    encoding: 'utf8',
  })
  const real = found.split('\n')[0] ?? ''

  const beside = (name: string, change: (text: string) => string) => {
    const own = prefix(name, { 'lib/README': '' })
    cpSync(include, path.join(own, 'include/oneapi/dnnl'), { recursive: true })
    const version = path.join(own, versionHeader)
    writeFileSync(version, change(readFileSync(version, 'utf8')))
    return own
  }

  test.serial('the one of this machine', (t) => {
    const own = beside('whole', (text) => text)
    symlinkSync(real, path.join(own, library))
    const { status, said } = configure(own, 'WITH_ONEDNN=AUTO')
    t.is(status, 0)
    t.true(said.startsWith(/\d+\.\d+\.\d+ \(/.exec(said)?.[0] ?? 'a version'), said)
    t.true(said.includes(path.join(own, library)))
  })

  test.serial('its header beside another library', (t) => {
    const later = beside('later', (text) =>
      text.replace(/(DNNL_VERSION_MINOR\s+)(6|\d+)/, (_all, name, minor) => name + (minor === '6' ? 7 : 6)),
    )
    symlinkSync(real, path.join(later, library))
    const other = configure(later, 'WITH_ONEDNN=AUTO')
    t.is(other.status, 0)
    t.regex(other.said, /^not used, since the one of version .* is broken: its library is of version \d+\.\d+\.\d+; /)

    const empty = beside('empty', (text) => text)
    writeFileSync(path.join(folder, 'empty.c'), 'int nothing;\n')
    execFileSync('c++', ['-shared', '-fPIC', '-o', path.join(empty, library), path.join(folder, 'empty.c')])
    const unlinked = configure(empty)
    t.is(unlinked.status, 0)
    t.regex(unlinked.said, /is broken: nothing can be built with it \(/)
  })
}
