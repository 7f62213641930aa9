// The docs of what the package exports: `node scripts/docs.mjs nn optim` prints what lacks docs in these folders of lib ('.' is lib itself) and which
// examples do not compile. test/docs.test.ts fails on those of the folders that are whole.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ModifierFlags } from 'typescript/unstable/ast'
import { SymbolFlags } from 'typescript/unstable/sync'
import { withProject } from './compiler.mjs'

/** Folders of lib whose docs are whole; '.' is lib itself. A word switches a folder on. */
export const wholeFolders = ['functional', '.', 'nn', 'blocks', 'models', 'optim', 'train', 'data', 'io']

/** What the examples take for granted: tensors, networks and data that a reader knows by their names. */
const exampleNames = `
type Tensors = { [Name in 'x' | 'y' | 'a' | 'b' | 'weight' | 'bias' | 'runningMean' | 'runningVar' | 'image' | 'images' | 'boxes' | 'chosen'
  | 'logits' | 'logp' | 'indices' | 'labels' | 'distances' | 'prediction' | 'target' | 'loss' | 'mean']: Tensor }
declare const { x, y, a, b, weight, bias, runningMean, runningVar, image, images, boxes, chosen, logits, logp, indices, labels, distances, prediction,
  target, loss, mean }: Tensors
declare const pixels: Uint8Array
declare const net: nn.Module
declare const block: nn.Module
declare const paths: nn.Module
declare const layer: nn.Conv2d
declare const error: unknown
declare const optimizer: optim.SGD
declare const other: optim.SGD
declare const scheduler: optim.LRScheduler
declare const scaler: GradScaler
declare const trainer: Trainer
declare const loader: data.DataLoader
declare const testLoader: data.DataLoader
declare const dataset: data.TensorDataset
declare const photos: data.ImageFolder
declare const cats: data.ModuleDataset
declare const profile: Profile
`

const root = fileURLToPath(new URL('..', import.meta.url))
const indexFile = path.join(root, 'lib', 'index.ts')

/** Walks over the exports of lib/index.ts. */
class Walk {
  constructor(project) {
    this.project = project
    this.checker = project.checker
    this.seen = new Set()
  }

  declarationsOf(symbol) {
    return symbol.declarations.flatMap((handle) => handle.resolve(this.project) ?? [])
  }

  /** The docs of a symbol, or of the first of `sources` that has some; none for what lies outside of lib or is internal. */
  documented(name, kind, symbol, sources = [symbol]) {
    const declarations = this.declarationsOf(symbol)
    if (declarations.length === 0) return []
    const file = path.relative(path.join(root, 'lib'), declarations[0].getSourceFile().fileName)
    if (file.startsWith('..')) return []
    const own = sources.find((each) => this.checker.getDocumentationCommentOfSymbol(each) !== '') ?? symbol
    // A summary is inherited by the checker itself, tags are not.
    const tagged = sources.find((each) => this.checker.getJsDocTagsOfSymbol(each).length > 0) ?? symbol
    const tags = this.checker.getJsDocTagsOfSymbol(tagged)
    if (tags.some((tag) => tag.name === 'internal')) return []
    const parameters = declarations.flatMap((each) => each.parameters ?? [])
    const takesTensors = parameters.some((each) => /\b(Tensor|Operand)\b/.test(each.getText()))
    const summary = this.checker.getDocumentationCommentOfSymbol(own)
    const signatures = declarations.filter((each) => each.body === undefined)
    const hasDocs = signatures.map((each) => Boolean(each.jsDoc?.length))
    const isCalled = kind === 'function' || kind === 'method'
    const overloadsLack = isCalled && hasDocs.includes(true) && hasDocs.includes(false)
    return [{ name, folder: path.dirname(file), kind, summary, tags, takesTensors, overloadsLack }]
  }

  basesOf(symbol) {
    const types = this.checker.getBaseTypes(this.checker.getDeclaredTypeOfSymbol(symbol))
    return types.flatMap((each) => each.getSymbol() ?? []).flatMap((base) => [base, ...this.basesOf(base)])
  }

  /** The members of a class that a user sees. One that overrides another shows that one's docs where it has none of its own. */
  membersOf(name, symbol) {
    const above = this.basesOf(symbol)
    const statics = [...symbol.getExports().values()].filter((each) => each.name !== 'prototype')
    return [...symbol.getMembers().values(), ...statics].flatMap((member) => {
      const isField = (member.flags & (SymbolFlags.Property | SymbolFlags.Accessor)) !== 0
      if (!isField && !(member.flags & SymbolFlags.Method)) return []
      if (!/^[a-z]/i.test(member.name)) return []
      const hidden = ModifierFlags.Private | ModifierFlags.Protected
      if (this.declarationsOf(member).some((each) => ((each.modifierFlags ?? 0) & hidden) !== 0)) return []
      const inherited = above.flatMap((base) => base.getMembers().get(member.escapedName) ?? [])
      return this.documented(`${name}.${member.name}`, isField ? 'field' : 'method', member, [member, ...inherited])
    })
  }

  exportsOf(module, prefix = '') {
    const { checker } = this
    return checker.getExportsOfModule(module).flatMap((exported) => {
      const symbol = exported.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
      const name = prefix + exported.name
      if (this.seen.has(symbol.id)) return []
      this.seen.add(symbol.id)
      if (symbol.flags & SymbolFlags.Class) {
        return [...this.documented(name, 'class', symbol), ...this.membersOf(name, symbol)]
      }
      if (symbol.flags & SymbolFlags.Module) return this.exportsOf(symbol, `${name}.`)
      const isFunction =
        symbol.flags & SymbolFlags.Function ||
        (symbol.flags & SymbolFlags.Variable &&
          checker.getSignaturesOfType(checker.getTypeOfSymbol(symbol), 0).length > 0)
      return isFunction ? this.documented(name, 'function', symbol) : []
    })
  }
}

/** Everything that is exported: `{ name, folder, kind, summary, tags, takesTensors, overloadsLack }`, and the names of the package itself. */
export function readDocs() {
  return withProject(path.join(root, 'tsconfig.json'), (project) => {
    const index = project.checker.getSymbolAtLocation(project.program.getSourceFile(indexFile))
    const exported = new Walk(project).exportsOf(index)
    return { exported, names: project.checker.getExportsOfModule(index).map((each) => each.name) }
  })
}

/** What lacks docs, as sentences. Methods that are written by a script have those of their functions. */
export function lackingDocs(exported) {
  return exported.flatMap(({ name, folder, kind, summary, tags, takesTensors, overloadsLack }) => {
    const has = (tag) => tags.some((each) => each.name === tag)
    const lacks = [
      ...(summary === '' ? ['a summary'] : []),
      ...(overloadsLack ? ['docs of each signature'] : []),
      ...(kind !== 'field' && !has('example') ? ['@example'] : []),
      ...(kind === 'function' && takesTensors && !has('throws') ? ['@throws'] : []),
      ...(kind === 'function' && folder === 'functional' && !has('see') ? ['@see'] : []),
    ]
    return lacks.length > 0 ? [`${name} lacks ${lacks.join(', ')}`] : []
  })
}

/** The examples: `{ name, code }`; of a block with fences what lies between. */
export function examplesOf(exported) {
  return exported.flatMap(({ name, tags }) =>
    tags
      .filter((tag) => tag.name === 'example')
      .map(({ text = '' }) => ({ name, code: /```\w*\n([\s\S]*?)\n```/.exec(text)?.[1] ?? text })),
  )
}

/** What the compiler says of examples, each in a function of its own. */
export function wrongExamples(examples, names) {
  const folder = mkdtempSync(path.join(tmpdir(), 'node-cudnn-docs-'))
  try {
    const file = path.join(folder, 'examples.mts')
    const starts = []
    let text = `import { ${names.join(', ')} } from ${JSON.stringify(path.join(root, 'lib/index.js'))}\n${exampleNames}`
    for (const { code } of examples) {
      starts.push(text.length)
      text += `\nexport async function example${starts.length}() {\n${code}\n}\n`
    }
    writeFileSync(file, text)
    const compilerOptions = {
      ...{ rootDir: '/', noEmit: true, verbatimModuleSyntax: false, noUnusedLocals: false, noUnusedParameters: false },
      typeRoots: [path.join(root, 'node_modules/@types')],
    }
    const config = path.join(folder, 'tsconfig.json')
    writeFileSync(
      config,
      JSON.stringify({ extends: path.join(root, 'tsconfig.json'), compilerOptions, include: ['examples.mts'] }),
    )
    return withProject(config, ({ program }) =>
      [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map((diagnostic) => {
        const example = examples[starts.findLastIndex((start) => start <= diagnostic.pos)]
        return `${example?.name ?? 'exampleNames'}: ${diagnostic.text} ${example?.code ?? ''}`
      }),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const folders = process.argv.length > 2 ? process.argv.slice(2) : wholeFolders
  const { exported, names } = readDocs()
  const chosen = exported.filter(({ folder }) => folders.includes(folder))
  const wrong = [...lackingDocs(chosen), ...wrongExamples(examplesOf(chosen), names)]
  for (const sentence of wrong) console.error(sentence)
  console.log(`${chosen.length} exports of ${folders.join(', ')}: ${wrong.length} faults`)
  process.exitCode = wrong.length > 0 ? 1 : 0
}
