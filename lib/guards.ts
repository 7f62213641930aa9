// What a recorded program takes for granted of JavaScript's objects: the values of their fields, and how to see which of them it has read.

type Keyed = Record<PropertyKey, unknown>

/** A field that is not what it was when the function was recorded. */
export interface Change {
  readonly owner: object
  readonly field: string
  readonly before: unknown
  readonly after: unknown
}

/** Longer arrays are known by their length alone: class names, tables. */
const longest = 1000

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const isSame = (a: unknown, b: unknown): boolean => a === b || (Number.isNaN(a) && Number.isNaN(b))

/** Fields of an object, or elements of an array, as they were; arrays and plain objects among them as well. */
export class Fields {
  readonly owner: object
  readonly #keys: PropertyKey[] = []
  readonly #values: unknown[] = []
  readonly #below: (Fields | undefined)[] = []
  /** Where a field more or less counts: those that there were. */
  #known: readonly string[] | undefined
  #length = -1

  constructor(owner: object) {
    this.owner = owner
  }

  /** All fields but those that `leavesOut` says. */
  static of(owner: object, leavesOut?: (field: string) => boolean, above: readonly object[] = []): Fields {
    const fields = new Fields(owner)
    if (Array.isArray(owner)) {
      fields.#length = owner.length
      if (owner.length <= longest) for (const key of owner.keys()) fields.add(key, above)
      return fields
    }
    fields.#known = Object.keys(owner)
    for (const key of fields.#known) {
      if (!leavesOut?.(key)) fields.add(key, above)
    }
    return fields
  }

  has(key: PropertyKey): boolean {
    return this.#keys.includes(key)
  }

  add(key: PropertyKey, above: readonly object[] = []): void {
    const value = (this.owner as Keyed)[key]
    this.#keys.push(key)
    this.#values.push(value)
    this.#below.push(below(value, [...above, this.owner]))
  }

  /** The first field that has changed. */
  get changed(): PropertyKey | undefined {
    const owner = this.owner as Keyed
    if (this.#length >= 0 && (this.owner as readonly unknown[]).length !== this.#length) return 'length'
    for (let i = 0; i < this.#keys.length; i++) {
      const key = this.#keys[i]!
      if (!isSame(owner[key], this.#values[i]) || this.#below[i]?.changed !== undefined) return key
    }
    const known = this.#known
    if (known === undefined) return undefined
    const now = Object.keys(owner)
    return now.length === known.length ? undefined : (now.find((key) => !known.includes(key)) ?? 'length')
  }

  /** What has changed in a field that `changed` named. */
  change(key: PropertyKey): Change {
    const i = this.#keys.indexOf(key)
    const below = this.#below[i]
    const deeper = below?.changed
    if (below && deeper !== undefined && isSame((this.owner as Keyed)[key], this.#values[i])) {
      const { before, after } = below.change(deeper)
      return { owner: this.owner, field: String(key), before, after }
    }
    return { owner: this.owner, field: String(key), before: this.#values[i], after: (this.owner as Keyed)[key] }
  }
}

function below(value: unknown, above: readonly object[]): Fields | undefined {
  if (typeof value !== 'object' || value === null || above.includes(value)) return undefined
  if (!Array.isArray(value) && !isPlainObject(value)) return undefined
  const fields: unknown[] = Object.values(value)
  const isSettled = Object.isFrozen(value) && fields.every((field) => typeof field !== 'object' || field === null)
  return isSettled ? undefined : Fields.of(value, undefined, above)
}

/** Sees whether a field is read before it is written, while a function is recorded. */
export class Watch {
  readonly owner: object
  readonly field: string
  /** The field as it was. */
  readonly fields: Fields
  #isRead = false
  #isWritten = false
  #value: unknown

  private constructor(owner: object, field: string, value: unknown, isPaused: () => boolean) {
    this.owner = owner
    this.field = field
    this.fields = new Fields(owner)
    this.fields.add(field)
    this.#value = value
    Object.defineProperty(owner, field, {
      configurable: true,
      enumerable: true,
      get: () => {
        if (!this.#isWritten && !isPaused()) this.#isRead = true
        return this.#value
      },
      set: (next: unknown) => {
        this.#isWritten = true
        this.#value = next
      },
    })
  }

  /** Nothing where the field can't be watched. */
  static on(owner: object, field: string, isPaused: () => boolean): Watch | undefined {
    const found = Object.getOwnPropertyDescriptor(owner, field)
    return found?.configurable && found.writable ? new Watch(owner, field, found.value, isPaused) : undefined
  }

  /** The field is as any other again; whether it was read. */
  end(): boolean {
    const { owner, field } = this
    Object.defineProperty(owner, field, { configurable: true, enumerable: true, writable: true, value: this.#value })
    return this.#isRead
  }
}
