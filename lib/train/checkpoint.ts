// Checkpoints: everything that a run needs to go on as if it had never stopped, in one .safetensors file (docs/checkpoints.md).

import type { DeviceName } from '../../types/dtype.js'
import { checkOptions, checkString } from '../check.js'
import { getRandomState, type RandomState, setRandomState } from '../creation.js'
import { CudnnError, DTypeError, FormatError, ValueError } from '../errors.js'
import type { GradScaler } from '../grad-scaler.js'
import type { HostArray } from '../io/host-array.js'
import { readTensorFile } from '../io/safetensors-reader.js'
import { uploadAll } from '../io/upload.js'
import type { AnyModule } from '../nn/index.js'
import type { StateDict } from '../nn/state-dict.js'
import type { LRScheduler, Optimizer, OptimizerState, SchedulerState } from '../optim/index.js'
import { isFloating } from '../optim/state.js'
import { saveSafetensors } from '../safetensors.js'
import type { Tensor } from '../tensor.js'
import { format, type LoopState, parseState, type SavedState, writeNumber } from './checkpoint-state.js'

export interface Parts {
  readonly net: AnyModule
  readonly optimizer: Pick<Optimizer, 'stateDict' | 'checkStateDict' | 'loadStateDict'>
  readonly scheduler: LRScheduler | undefined
  readonly scaler: GradScaler | undefined
}

/** What a checkpoint holds. Its tensors are the caller's: `dispose()` frees them. */
export interface Checkpoint extends LoopState {
  /** The network's parameters and buffers, for `net.loadStateDict`. */
  readonly model: StateDict
  /** For `optimizer.loadStateDict`. */
  readonly optimizer: OptimizerState
  /** For `scheduler.loadStateDict`, if the run had one. */
  readonly scheduler?: SchedulerState
  /** For `setRandomState`. */
  readonly random: RandomState
  /** Frees its tensors at once. */
  dispose(): void
  /** For `using`: calls `dispose()`. */
  [Symbol.dispose](): void
}

/** Writes all parts into one file, with a checksum of everything. The values are those of the moment of the call. */
export async function saveCheckpoint(
  file: string,
  { net, optimizer, scheduler }: Omit<Parts, 'scaler'>,
  loop: LoopState,
): Promise<void> {
  const { kind, state, paramGroups } = optimizer.stateDict()
  const tensors = new Map<string, Tensor>()
  const steps: Record<string, number> = {}
  const names: Record<string, readonly string[]> = {}
  for (const [name, tensor] of Object.entries(net.stateDict())) tensors.set(`model.${name}`, tensor)
  for (const [parameter, { step, tensors: own }] of Object.entries(state)) {
    steps[parameter] = step
    names[parameter] = Object.keys(own)
    for (const [name, tensor] of Object.entries(own)) tensors.set(`optimizer.${parameter}.${name}`, tensor)
  }
  const saved: SavedState = {
    loop,
    random: getRandomState(),
    ...(kind !== undefined && { optimizer: kind }),
    paramGroups,
    steps,
    names,
    ...(scheduler && { scheduler: scheduler.stateDict() }),
    checksum: 'sha256',
  }
  const metadata = { format, state: JSON.stringify(saved, writeNumber) }
  await saveSafetensors(file, tensors, { metadata, checksum: true })
}

/**
 * Reads a checkpoint that a `Trainer` saved onto `device` (default: the default device), for those who want a part of it: the network alone,
 * or a training loop of their own. Reading changes nothing else.
 * @throws FormatError if the file is not a checkpoint, is damaged, or does not match its checksum.
 * @throws DeviceError if there is no such device.
 * @see https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html
 * @example using checkpoint = await train.readCheckpoint('run.safetensors'); net.loadStateDict(checkpoint.model)
 */
export async function readCheckpoint(file: string, options: { device?: DeviceName } = {}): Promise<Checkpoint> {
  checkString('readCheckpoint', 'file', file)
  const { device } = checkOptions('readCheckpoint', options, { device: checkString })
  let saved: SavedState | undefined
  const { tensors } = await readTensorFile(file, {
    onHeader: ({ metadata }) => {
      saved = parseState(metadata, file)
    },
  })
  const { loop, random, optimizer: kind, paramGroups, scheduler } = saved!
  const { model, own } = sorted(tensors, saved!, file)
  const state: OptimizerState['state'] = {}
  const loaded = uploadAll(tensors, 0, device)
  for (const [parameter, step] of Object.entries(saved!.steps)) {
    const named = [...own.get(parameter)!].map(([key, name]) => [key, loaded[name]!] as const)
    state[parameter] = { step, tensors: Object.fromEntries(named) }
  }
  const dispose = () => {
    for (const tensor of Object.values(loaded)) tensor.dispose()
  }
  return {
    ...loop,
    random,
    model: Object.fromEntries([...model].map(([key, name]) => [key, loaded[name]!])),
    optimizer: { ...(kind !== undefined && { kind }), state, paramGroups },
    ...(scheduler && { scheduler }),
    dispose,
    [Symbol.dispose]: dispose,
  }
}

/** Which tensors of the file are the network's, and which are whose state: by their names there, the names in the file. */
function sorted(tensors: ReadonlyMap<string, HostArray>, { steps, names }: SavedState, file: string) {
  const model = new Map<string, string>()
  const own = new Map(Object.keys(steps).map((parameter) => [parameter, new Map<string, string>()]))
  for (const name of tensors.keys()) {
    const [, part, rest] = /^(model|optimizer)\.(.*)$/s.exec(name) ?? []
    if (part === 'model') {
      model.set(rest!, name)
      continue
    }
    const [, parameter, key] = /^(\d+)\.(.*)$/s.exec(rest ?? '') ?? []
    const ofParameter = own.get(parameter ?? '')
    if (!ofParameter) {
      throw new FormatError(`${file}: came a tensor ${JSON.stringify(name)}, expected those of a checkpoint`)
    }
    ofParameter.set(key!, name)
  }
  if (names) {
    for (const parameter of new Set([...own.keys(), ...Object.keys(names)])) {
      const [came, expected] = [own.get(parameter)?.keys() ?? [], names[parameter] ?? []].map((keys) =>
        [...keys].sort(),
      )
      const isOfBoth = own.has(parameter) && Object.hasOwn(names, parameter)
      if (isOfBoth && `${came}` === `${expected}`) continue
      throw new FormatError(
        `${file}: the state of parameter ${parameter} is ${came?.join(', ') || 'nothing'}, expected ${expected?.join(', ') || 'nothing'}`,
      )
    }
  }
  return { model, own }
}

/**
 * Takes everything over, or nothing where it throws; `file` stands in messages.
 * @throws ValueError, ShapeError, DTypeError if it is a checkpoint of other parts.
 */
export function takeCheckpoint(checkpoint: Checkpoint, file: string, parts: Parts): void {
  const { model, optimizer, scheduler, gradScaler, random } = checkpoint
  // What is checked cannot fail later but for want of memory, which the optimizer alone asks for.
  naming(file, () => {
    checkParts(checkpoint, parts)
    parts.optimizer.loadStateDict(optimizer)
  })
  parts.net.loadStateDict(model)
  if (scheduler) parts.scheduler?.loadStateDict(scheduler)
  if (gradScaler) parts.scaler?.loadStateDict(gradScaler)
  setRandomState(random)
}

function checkParts({ model, optimizer, scheduler, gradScaler }: Checkpoint, parts: Parts): void {
  if (parts.scheduler && !scheduler) {
    throw new ValueError(`the checkpoint has no scheduler, expected one for ${parts.scheduler.constructor.name}`)
  }
  parts.net.checkStateDict(model)
  const own = parts.net.stateDict()
  for (const [name, tensor] of Object.entries(model)) {
    const target = own[name]
    if (target && isFloating(target) !== isFloating(tensor)) {
      throw new DTypeError(`model.${name} is ${tensor.dtype}, expected ${target.dtype}`)
    }
  }
  parts.optimizer.checkStateDict(optimizer)
  if (scheduler) parts.scheduler?.checkStateDict(scheduler)
  if (gradScaler) parts.scaler?.checkStateDict(gradScaler)
}

/** Runs `fn`; an error of ours gets the file's name in front. */
function naming(file: string, fn: () => void): void {
  try {
    fn()
  } catch (error) {
    if (!(error instanceof CudnnError)) throw error
    error.message = `${file}: ${error.message}`
    throw error
  }
}
