// What a checkpoint's metadata says beside the tensors: JSON text to checked values and back. It must not touch files or tensors.
import { FormatError } from '../errors.js'
import type { GradScalerState } from '../grad-scaler.js'
import { checksumKey } from '../io/safetensors-checksum.js'
import type { OptimizerState, SchedulerState } from '../optim/index.js'
import type { EpochRecord } from './types.js'

export const format = 'node-cudnn checkpoint 1'

/** What the training loop itself remembers. */
export interface LoopState {
  /** Epochs that are finished. */
  readonly epoch: number
  /** Steps since the first epoch. */
  readonly step: number
  /** One record for each finished epoch. */
  readonly history: readonly EpochRecord[]
  /** The best epoch, and its score. */
  readonly best?: { readonly epoch: number; readonly value: number }
  /** State of the `GradScaler`, of a run in float16. */
  readonly gradScaler?: GradScalerState
}

/** The file's metadata `state`; the tensors are `model.<name>` and `optimizer.<parameter>.<name>`. */
export interface SavedState {
  readonly loop: LoopState
  readonly random: { readonly seed: number; readonly offset: number }
  /** The kind of the optimizer; files of older versions do not say. */
  readonly optimizer?: string
  readonly paramGroups: OptimizerState['paramGroups']
  /** How often each parameter was stepped, by its number. */
  readonly steps: Readonly<Record<string, number>>
  /** The names of the tensors of each parameter's state; files of older versions do not say. */
  readonly names?: Readonly<Record<string, readonly string[]>>
  readonly scheduler?: SchedulerState
  /** Says that the file has a checksum, so that a lost one is noticed; files of older versions have none. */
  readonly checksum?: 'sha256'
}

/**
 * The checked values.
 * @throws FormatError naming the file and the key that is wrong.
 */
export function parseState(metadata: Readonly<Record<string, string>>, file: string): SavedState {
  if (metadata.format !== format) {
    throw new FormatError(
      metadata.format === undefined
        ? `${file}: is no checkpoint of a Trainer, expected the format "${format}"; loadSafetensors reads weights alone`
        : `${file}: its format is "${metadata.format}", expected "${format}"`,
    )
  }
  let saved: Partial<SavedState> | null
  try {
    saved = JSON.parse(metadata.state ?? '', readNumber) as Partial<SavedState> | null
  } catch (cause) {
    throw new FormatError(`${file}: the checkpoint's state is not valid JSON`, { cause })
  }
  if (
    !isObject(saved) ||
    !isObject(saved.loop) ||
    !isObject(saved.random) ||
    !isGroups(saved.paramGroups) ||
    !isObject(saved.steps)
  ) {
    throw new FormatError(`${file}: the checkpoint's state lacks parts, expected loop, random, paramGroups and steps`)
  }
  for (const [key, is, expected] of rules) {
    const value = key.split('.').reduce<unknown>((at, name) => (isObject(at) ? at[name] : undefined), saved)
    if (!is(value, saved as SavedState))
      throw new FormatError(`${file}: the checkpoint's ${key} is ${show(value)}, expected ${expected}`)
  }
  if (saved.checksum !== undefined && metadata[checksumKey] === undefined) {
    throw new FormatError(`${file}: the checksum is missing, expected ${checksumKey} in the metadata`)
  }
  return saved as SavedState
}

type Rule = readonly [key: string, is: (value: unknown, saved: SavedState) => boolean, expected: string]

const rules: readonly Rule[] = [
  ['loop.epoch', isCount, 'an integer from 0 on'],
  ['loop.step', isCount, 'an integer from 0 on'],
  [
    'loop.history',
    (value, { loop }) => isListOf(value, isRecord) && value.length === loop.epoch,
    'a record for each epoch',
  ],
  ['loop.best', optional(isBest), 'an epoch and a value'],
  ['loop.gradScaler', optional(isObject), 'the state of a GradScaler'],
  ['random.seed', Number.isSafeInteger, 'an integer'],
  // The counter goes on from here, and must stay a whole number.
  ['random.offset', (value) => isCount(value) && value <= 2 ** 52, 'an integer from 0 to 2^52'],
  ['optimizer', optional(isText), 'the kind of an optimizer'],
  ['steps', (value) => isObject(value) && Object.values(value).every(isCount), 'integers from 0 on'],
  [
    'names',
    optional((value) => isObject(value) && Object.values(value).every((list) => isListOf(list, isText))),
    'lists of names',
  ],
  ['scheduler', optional(isObject), 'an object'],
]

function optional(is: Rule[1]): Rule[1] {
  return (value, saved) => value === undefined || is(value, saved)
}

function isGroups(value: unknown): value is SavedState['paramGroups'] {
  return isListOf(value, (group) => isObject(group) && Array.isArray(group.params))
}

function isBest(value: unknown): boolean {
  return isObject(value) && isCount(value.epoch) && isNumber(value.value)
}

function isScores(value: unknown): value is Record<string, unknown> {
  return (
    isObject(value) &&
    isNumber(value.loss) &&
    (value.accuracy === undefined || isNumber(value.accuracy)) &&
    isObject(value.metrics) &&
    Object.values(value.metrics).every(isNumber)
  )
}

/** An `EpochRecord`. */
function isRecord(value: unknown): boolean {
  return (
    isScores(value) &&
    isCount(value.epoch) &&
    isCount(value.step) &&
    (value.validation === undefined || isScores(value.validation)) &&
    isNumber(value.seconds) &&
    isNumber(value.examplesPerSecond) &&
    isNumber(value.learningRate) &&
    typeof value.isBest === 'boolean'
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isListOf(value: unknown, is: (item: unknown) => boolean): value is unknown[] {
  return Array.isArray(value) && value.every(is)
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

/** NaN and infinities too: a loss may be one. */
function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function show(value: unknown): string {
  const text = JSON.stringify(value, writeNumber) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}

// JSON has no NaN and no infinity, but a loss may be one.
const special = '$number'
const specials: readonly unknown[] = ['NaN', 'Infinity', '-Infinity']

export function writeNumber(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? { [special]: String(value) } : value
}

function readNumber(_key: string, value: unknown): unknown {
  return isObject(value) && specials.includes(value[special]) ? Number(value[special]) : value
}
