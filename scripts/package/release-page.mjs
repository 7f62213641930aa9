// The page of a release: what was made, how large it is, and what it needs.
import path from 'node:path'

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`

/** `absent`: names of packages that were not made here. */
export function releasePage(made, absent) {
  const rows = made.map(({ name, file, size, unpackedSize, needs = {}, libraries = [], architectures }) => {
    const required = Object.entries(needs).map(([kind, version]) => `${kind} ${version}`)
    const holds = [...libraries, ...(architectures ? [`GPU architectures ${architectures}`] : [])]
    const cells = [
      name,
      path.basename(file),
      megabytes(size),
      megabytes(unpackedSize),
      required.join(', ') || '–',
      holds.join(', ') || '–',
    ]
    return `| ${cells.join(' | ')} |`
  })
  const missing = absent.map((name) => `| ${name} | not made in this run: its tools were not there | | | | |`)
  return `# Packages

| package | file | packed | unpacked | needs at least | carries |
| --- | --- | --- | --- | --- | --- |
${[...rows, ...missing].join('\n')}

\`npm install\` of \`node-cudnn\` takes those of its platform by itself. No script runs while it installs.
`
}
