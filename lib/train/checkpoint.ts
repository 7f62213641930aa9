// Checkpoints: everything that a run needs to go on as if it had never stopped, in one .safetensors file.
import { getRandomState, type RandomState, setRandomState } from '../creation.js'
import { FormatError, ValueError } from '../errors.js'
import type { GradScalerState } from '../grad-scaler.js'
import type { AnyModule } from '../nn/index.js'
import type { LRScheduler, Optimizer, OptimizerState, SchedulerState } from '../optim/index.js'
import { loadSafetensors, readSafetensorsMetadata, saveSafetensors } from '../safetensors.js'
import type { Tensor } from '../tensor.js'
import type { EpochRecord } from './types.js'

const format = 'node-cudnn checkpoint 1'

/** What the training loop itself remembers. */
export interface LoopState {
  readonly epoch: number
  readonly step: number
  readonly history: readonly EpochRecord[]
  readonly best?: { readonly epoch: number; readonly value: number }
  /** Of a run in float16. */
  readonly gradScaler?: GradScalerState
}

export interface Parts {
  readonly net: AnyModule
  readonly optimizer: Pick<Optimizer, 'stateDict' | 'loadStateDict'>
  readonly scheduler: LRScheduler | undefined
}

/** The file's metadata `state`; the tensors are `model.<name>` and `optimizer.<parameter>.<name>`. */
interface Saved {
  readonly loop: LoopState
  readonly random: RandomState
  readonly paramGroups: OptimizerState['paramGroups']
  /** How often each parameter was stepped, by its number. */
  readonly steps: Readonly<Record<string, number>>
  readonly scheduler?: SchedulerState
}

export async function saveCheckpoint(
  file: string,
  { net, optimizer, scheduler }: Parts,
  loop: LoopState,
): Promise<void> {
  const { state, paramGroups } = optimizer.stateDict()
  const tensors = new Map<string, Tensor>()
  const steps: Record<string, number> = {}
  for (const [name, tensor] of Object.entries(net.stateDict())) tensors.set(`model.${name}`, tensor)
  for (const [parameter, { step, tensors: own }] of Object.entries(state)) {
    steps[parameter] = step
    for (const [name, tensor] of Object.entries(own)) tensors.set(`optimizer.${parameter}.${name}`, tensor)
  }
  const saved: Saved = {
    loop,
    random: getRandomState(),
    paramGroups,
    steps,
    ...(scheduler && { scheduler: scheduler.stateDict() }),
  }
  await saveSafetensors(file, tensors, { metadata: { format, state: JSON.stringify(saved, writeNumber) } })
}

export async function loadCheckpoint(file: string, { net, optimizer, scheduler }: Parts): Promise<LoopState> {
  const saved = parseState(await readSafetensorsMetadata(file), file)
  if (scheduler && !saved.scheduler) {
    throw new ValueError(`${file}: the checkpoint has no scheduler, expected one for ${scheduler.constructor.name}`)
  }
  const tensors = await loadSafetensors(file)
  try {
    const model: Record<string, Tensor> = {}
    const state: OptimizerState['state'] = {}
    for (const [parameter, step] of Object.entries(saved.steps)) state[parameter] = { step, tensors: {} }
    for (const [name, tensor] of Object.entries(tensors)) {
      const [, part, rest] = /^(model|optimizer)\.(.*)$/s.exec(name) ?? []
      if (part === 'model') {
        model[rest!] = tensor
        continue
      }
      const [, parameter, key] = /^(\d+)\.(.*)$/s.exec(rest ?? '') ?? []
      const own = state[parameter ?? '']
      if (!own) throw new FormatError(`${file}: came a tensor ${JSON.stringify(name)}, expected those of a checkpoint`)
      own.tensors[key!] = tensor
    }
    net.loadStateDict(model)
    optimizer.loadStateDict({ state, paramGroups: saved.paramGroups })
    if (scheduler) scheduler.loadStateDict(saved.scheduler!)
  } finally {
    for (const tensor of Object.values(tensors)) tensor.dispose()
  }
  setRandomState(saved.random)
  return saved.loop
}

function parseState(metadata: Readonly<Record<string, string>>, file: string): Saved {
  if (metadata.format !== format) {
    throw new FormatError(`${file}: its format is ${JSON.stringify(metadata.format)}, expected "${format}"`)
  }
  let saved: Partial<Saved> | null
  try {
    saved = JSON.parse(metadata.state ?? '', readNumber) as Partial<Saved> | null
  } catch (cause) {
    throw new FormatError(`${file}: the checkpoint's state is not valid JSON`, { cause })
  }
  const { loop, random, paramGroups, steps } = saved ?? {}
  const isWhole =
    Number.isInteger(loop?.epoch) &&
    Number.isInteger(loop?.step) &&
    Array.isArray(loop?.history) &&
    Number.isInteger(random?.seed) &&
    Number.isInteger(random?.offset) &&
    Array.isArray(paramGroups) &&
    paramGroups.every((group) => Array.isArray(group?.params)) &&
    typeof steps === 'object' &&
    steps !== null &&
    Object.values(steps).every(Number.isInteger)
  if (!isWhole)
    throw new FormatError(`${file}: the checkpoint's state lacks parts, expected epoch, seed, groups and steps`)
  return saved as Saved
}

// JSON has no NaN and no infinity, but a loss may be one.
const special = '$number'

function writeNumber(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? { [special]: String(value) } : value
}

function readNumber(_key: string, value: unknown): unknown {
  return typeof value === 'object' && value !== null && special in value ? Number(value[special]) : value
}
