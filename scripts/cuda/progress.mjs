// How far the downloads are: one bar on a terminal, else a line when a file begins and one when it is there.
import { SingleBar } from 'cli-progress'
import { megabytes } from './failure.mjs'

export function progress(wheels, print, stream = process.stderr) {
  const sizes = new Map(wheels.map(({ title, version, size }) => [`${title} ${version}`, size]))
  const here = new Map()
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0)
  const sum = () => [...here.values()].reduce((all, bytes) => all + bytes, 0)
  if (!stream.isTTY) {
    const done = new Set()
    return {
      note: print,
      onBytes(name, bytes) {
        if (!here.has(name))
          print(`${name}: ${bytes > 0 ? `${megabytes(bytes)} of ` : ''}${megabytes(sizes.get(name))} …`)
        here.set(name, bytes)
        if (bytes === sizes.get(name) && !done.has(name)) {
          done.add(name)
          print(`${name}: all ${megabytes(bytes)} are here`)
        }
      },
      end: () => {},
    }
  }
  const start = Date.now()
  let first = 0
  const bar = new SingleBar({
    format: '{bar} {percentage}% | {name} | {here} of {all} | {speed}/s | {eta_formatted}',
    hideCursor: true,
    stream,
  })
  let started = false
  return {
    note(line) {
      if (started) stream.write(`\r\x1b[K${line}\n`)
      else print(line)
    },
    onBytes(name, bytes) {
      here.set(name, bytes)
      const now = sum()
      const seconds = Math.max((Date.now() - start) / 1000, 0.1)
      if (!started) {
        first = now
        bar.start(total, now, { name, here: megabytes(now), all: megabytes(total), speed: '' })
        started = true
      }
      bar.update(now, { name, here: megabytes(now), speed: megabytes(Math.max(now - first, 0) / seconds) })
    },
    end() {
      if (started) bar.stop()
    },
  }
}
