// Reads JSON in one pass, member by member: a long text makes no large objects, and a repeated key, which JSON.parse lets pass, is an error.

/** Of lists and inner objects: what is read here holds shapes and offsets. */
const maxItems = 64
const maxDepth = 16
/** Beyond this, looking through the keys takes longer than hashing. */
const fewKeys = 8

/** A longer part of a text is not copied by V8, and would keep all of it. */
const fewCharacters = 12

const [quote, comma, colon, backslash] = [0x22, 0x2c, 0x3a, 0x5c]
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d]

const literals: Readonly<Record<string, unknown>> = { true: true, false: false, null: null }

/** What is wrong with the text, and where. */
export class JsonError extends Error {}

export class JsonScanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Whether the next value is an object. */
  get isAtObject(): boolean {
    return this.#peek() === openBrace
  }

  /**
   * Reads an object of any length: calls `onMember` with each key; it must read the value.
   * @throws JsonError for what is no JSON, and for a key that is there twice.
   */
  members(onMember: (key: string) => void): void {
    this.#expect(openBrace, '"{"')
    if (this.#take(closeBrace)) return
    let keys: string[] | Set<string> = []
    do {
      if (this.#peek() !== quote) this.#fail('expected a key')
      const key = this.#string()
      if (Array.isArray(keys)) {
        if (keys.includes(key)) throw new JsonError(`the key ${JSON.stringify(key)} twice`)
        keys.push(key)
        if (keys.length > fewKeys) keys = new Set(keys)
      } else {
        const { size } = keys
        if (keys.add(key).size === size) throw new JsonError(`the key ${JSON.stringify(key)} twice`)
      }
      this.#expect(colon, '":"')
      onMember(key)
    } while (this.#take(comma))
    this.#expect(closeBrace, '"," or "}"')
  }

  /** Reads a value; objects have no prototype. */
  value(depth = 0): unknown {
    const next = this.#peek()
    if (next === quote) return this.#string()
    if (next !== openBrace && next !== openBracket) return this.#number() ?? this.#literal()
    if (depth === maxDepth) this.#fail(`nested deeper than ${maxDepth}`)
    let count = 0
    const item = () => {
      if (++count > maxItems) this.#fail(`more than ${maxItems} values in a list or inner object`)
      return this.value(depth + 1)
    }
    if (next === openBrace) {
      const object: Record<string, unknown> = Object.create(null)
      this.members((key) => {
        object[key] = item()
      })
      return object
    }
    this.#at++
    const list: unknown[] = []
    if (this.#take(closeBracket)) return list
    do list.push(item())
    while (this.#take(comma))
    this.#expect(closeBracket, '"," or "]"')
    return list
  }

  /** @throws JsonError if there is more than white space left. */
  end(): void {
    if (!Number.isNaN(this.#peek())) this.#fail('expected the end')
  }

  #fail(message: string): never {
    throw new JsonError(`not valid JSON (${message} at character ${this.#at})`)
  }

  /** The next character that is no white space; NaN at the end. */
  #peek(): number {
    for (; ; this.#at++) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code
    }
  }

  #take(code: number): boolean {
    if (this.#peek() !== code) return false
    this.#at++
    return true
  }

  #expect(code: number, name: string): void {
    if (!this.#take(code)) this.#fail(`expected ${name}`)
  }

  #string(): string {
    const start = this.#at
    for (let at = start + 1; ; at++) {
      at = this.#text.indexOf('"', at)
      if (at < 0) this.#fail('a string that does not end')
      const short = this.#plain(start + 1, at)
      if (short !== undefined) {
        this.#at = at + 1
        return short
      }
      let slashes = 0
      while (this.#text.charCodeAt(at - 1 - slashes) === backslash) slashes++
      if (slashes % 2 === 1) continue
      try {
        // A copy: a part of the text would keep all of it.
        const string = JSON.parse(this.#text.slice(start, at + 1)) as string
        this.#at = at + 1
        return string
      } catch {
        this.#fail('a string with an unknown escape or a control character')
      }
    }
  }

  /** The characters from `start` to `end`, if they are few and stand for themselves. */
  #plain(start: number, end: number): string | undefined {
    if (end - start > fewCharacters) return undefined
    for (let at = start; at < end; at++) {
      const code = this.#text.charCodeAt(at)
      if (code < 0x20 || code === backslash) return undefined
    }
    return this.#text.slice(start, end)
  }

  /** Undefined where there is none. */
  #number(): number | undefined {
    const pattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
    pattern.lastIndex = this.#at
    const [text] = pattern.exec(this.#text) ?? []
    if (text === undefined) return undefined
    this.#at += text.length
    return Number(text)
  }

  #literal(): unknown {
    for (const [word, value] of Object.entries(literals)) {
      if (!this.#text.startsWith(word, this.#at)) continue
      this.#at += word.length
      return value
    }
    return this.#fail('expected a value')
  }
}
