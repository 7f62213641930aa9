// Guards of recorded programs: the values of fields of JavaScript objects at recording time, and which of them the program read.

type Keyed = Record<PropertyKey, unknown>

/** A field whose value differs from that at recording time. */
export interface Change {
  readonly owner: object
  readonly field: string
  readonly before: unknown
  readonly after: unknown
}

/** Of longer arrays (class names, tables) only the length is compared. */
const longest = 1000

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Stands for the value of a field that is not compared. */
const skipped = Symbol('skipped')

const isSame = (a: unknown, b: unknown): boolean => a === b || (Number.isNaN(a) && Number.isNaN(b))

/** A snapshot of an object's fields or an array's elements, with the arrays and plain objects among them. */
export class Fields {
  readonly owner: object
  readonly #keys: PropertyKey[] = []
  readonly #values: unknown[] = []
  readonly #below: (Fields | undefined)[] = []
  /** Whether an added or removed field is a change. */
  #isWhole = false
  /** Length of an array; −1 for objects. */
  #length = -1

  constructor(owner: object) {
    this.owner = owner
  }

  /** A snapshot of all fields but those for which `leavesOut` is true. */
  static of(owner: object, leavesOut?: (field: string) => boolean, above: readonly object[] = []): Fields {
    const fields = new Fields(owner)
    if (Array.isArray(owner)) {
      fields.#length = owner.length
      if (owner.length <= longest) for (const key of owner.keys()) fields.add(key, above)
      return fields
    }
    fields.#isWhole = true
    for (const key of Object.keys(owner)) {
      if (leavesOut?.(key)) fields.#skip(key)
      else fields.add(key, above)
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

  #skip(key: string): void {
    this.#keys.push(key)
    this.#values.push(skipped)
    this.#below.push(undefined)
  }

  /** The first field that has changed. */
  get changed(): PropertyKey | undefined {
    const owner = this.owner as Keyed
    if (this.#isWhole) return this.#changedOfAll(owner)
    if (this.#length >= 0) return this.#changedElement(this.owner as readonly unknown[])
    for (let i = 0; i < this.#keys.length; i++) {
      const key = this.#keys[i]!
      if (!isSame(owner[key], this.#values[i]) || this.#hasChangedBelow(i)) return key
    }
    return undefined
  }

  /** Hot: every compiled call does this for every module. `Object.values` is the fastest way to read all fields of objects of many shapes. */
  #changedOfAll(owner: Keyed): PropertyKey | undefined {
    const keys = this.#keys
    const now = Object.values(owner)
    if (now.length !== keys.length) return this.#addedOrGone(owner)
    for (let i = 0; i < now.length; i++) {
      const before = this.#values[i]
      if (before === skipped) continue
      if (!isSame(now[i], before) || this.#hasChangedBelow(i)) return this.#renamed() ?? keys[i]
    }
    return this.#renamed()
  }

  #changedElement(owner: readonly unknown[]): PropertyKey | undefined {
    if (owner.length !== this.#length) return 'length'
    const values = this.#values
    for (let i = 0; i < values.length; i++) {
      if (!isSame(owner[i], values[i]) || this.#hasChangedBelow(i)) return i
    }
    return undefined
  }

  #hasChangedBelow(i: number): boolean {
    const below = this.#below[i]
    return below !== undefined && below.changed !== undefined
  }

  /** The first field whose name differs from the snapshot's. */
  #renamed(): PropertyKey | undefined {
    const keys = this.#keys
    const now = Object.keys(this.owner)
    for (let i = 0; i < now.length; i++) if (keys[i] !== now[i]) return now[i]
    return undefined
  }

  #addedOrGone(owner: Keyed): PropertyKey {
    const added = Object.keys(owner).find((key) => !this.#keys.includes(key))
    return added ?? this.#keys.find((key) => !(key in owner)) ?? this.#keys[0]!
  }

  /** Old and new value of the field that `changed` returned. */
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
  return isDeeplyFrozen(value) ? undefined : Fields.of(value, undefined, above)
}

/** Whether an object is deeply frozen. */
function isDeeplyFrozen(value: object): boolean {
  const isFixed = (field: unknown): boolean =>
    typeof field !== 'object' ||
    field === null ||
    ((Array.isArray(field) || isPlainObject(field)) && isDeeplyFrozen(field))
  return Object.isFrozen(value) && Object.values(value).every(isFixed)
}

/** Detects whether a field is read before it is written during a recording. */
export class Watch {
  readonly owner: object
  readonly field: string
  /** The field's value at recording time. */
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

  /** Undefined if the field cannot be redefined. */
  static on(owner: object, field: string, isPaused: () => boolean): Watch | undefined {
    const found = Object.getOwnPropertyDescriptor(owner, field)
    return found?.configurable && found.writable ? new Watch(owner, field, found.value, isPaused) : undefined
  }

  /** Restores the field and returns whether it was read. */
  end(): boolean {
    const { owner, field } = this
    Object.defineProperty(owner, field, { configurable: true, enumerable: true, writable: true, value: this.#value })
    return this.#isRead
  }
}
