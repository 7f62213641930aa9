// Trainer: the training loop. JavaScript only queues work; the device computes; the event loop stays free.
import type { DeviceName } from '../../types/dtype.js'
import { autocast, type HalfType } from '../autocast.js'
import {
  among,
  type Checks,
  checkBoolean,
  checkFunction,
  checkList,
  checkNumber,
  checkObject,
  checkOptions,
  checkString,
  integerFrom,
  optionsLike,
  refuse,
  textOf,
} from '../check.js'
import { type CompileOptions, compile, compileChecks } from '../compile.js'
import { DTypeError, ValueError } from '../errors.js'
import { checkTensor } from '../functional/arguments.js'
import { GradScaler, type GradScalerState } from '../grad-scaler.js'
import { native } from '../native.js'
import { Module } from '../nn/module.js'
import { clipGradNorm, LRScheduler, type Optimizer } from '../optim/index.js'
import { noGrad, type Tensor } from '../tensor.js'
import { tidy } from '../tidy.js'
import { checkSource, eachBatch } from './batches.js'
import { readCheckpoint, saveCheckpoint, takeCheckpoint } from './checkpoint.js'
import type { LoopState } from './checkpoint-state.js'
import { whereItBegan } from './divergence.js'
import { InFlight } from './in-flight.js'
import { type Measured, measure, RunningScores } from './scores.js'
import type { BatchSource, EpochRecord, Metric, Scores, StepInfo, TrainerCallback, TrainingBatch } from './types.js'

/** `Output` is what the network's `forward` gives: a tensor, or several in an object, such as GoogLeNet's. */
export interface TrainerOptions<Output = Tensor> {
  optimizer: Optimizer
  /** The mean loss of a batch, a scalar: `functional.crossEntropy`, or your own. */
  loss: (output: Output, target: Tensor) => Tensor
  scheduler?: LRScheduler
  /** When the scheduler steps. Default `epoch`, as most in PyTorch do; one-cycle needs `step`. */
  schedulerInterval?: 'epoch' | 'step'
  /** The gradients' norm is cut to this. Default: it is not. */
  clipGradNorm?: number
  /**
   * Forward passes and losses run under `autocast` to this type; parameters, gradients and the optimizer stay float32. With `'float16'` the
   * loss is scaled by a `GradScaler` that checkpoints keep; steps then wait for each other. Default: float32 throughout.
   */
  autocast?: HalfType
  /** The network is moved there, and each batch that comes from elsewhere. Default: nothing is moved. */
  device?: DeviceName
  /** What is measured beside the loss. Default: accuracy of the output (or its field `logits`), where targets are class numbers. */
  metrics?: Readonly<Record<string, Metric<Output>>>
  /** Watch every `fit`. */
  callbacks?: readonly TrainerCallback[]
  /** Steps that may be queued and unread. Default 3. */
  stepsInFlight?: number
  /**
   * Whether `fit` ends at the first loss or gradient that is NaN or infinite, with a ValueError that says at which step and in which layer it
   * began. The parameters are then as they were before that step. Steps wait for each other, which costs some speed. (Under `autocast: 'float16'`
   * the scaler deals with infinite gradients, and only the loss is watched.) Default false: such a training goes on, and its history shows it.
   */
  stopAtNaN?: boolean
  /**
   * Whether each step, evaluation and prediction is compiled: recorded for each new shape of a batch, then run in one call. False where
   * the network, the loss or a metric decides by values, or by anything else that changes from step to step. Options of `compile` are taken, too. Default true.
   */
  compile?: boolean | CompileOptions
}

export interface FitOptions {
  /** Epochs that the network shall have had in the end: a resumed run does those that are missing. */
  epochs: number
  /** Evaluated after each epoch. */
  validation?: BatchSource
  onStep?: (info: StepInfo) => void
  onEpoch?: (record: EpochRecord) => void | Promise<void>
  /** Ends the fit between two steps; it then rejects with the signal's reason. */
  signal?: AbortSignal
  /** A file for each epoch's checkpoint, or more to say. */
  checkpoint?: string | CheckpointOptions
}

export interface CheckpointOptions {
  /** Overwritten after each epoch. */
  last?: string
  /** Overwritten after each epoch that is better than all before. */
  best?: string
  /** What "better" means: a lower loss or a higher metric; of the validation where there is one. Default `loss`. */
  monitor?: 'loss' | 'accuracy' | (string & {})
}

function checkOptimizer(op: string, name: string, value: unknown): void {
  const { step, zeroGrad, paramGroups } = (value ?? {}) as Partial<Optimizer>
  const isOptimizer = typeof step === 'function' && typeof zeroGrad === 'function' && Array.isArray(paramGroups)
  if (!isOptimizer) refuse(op, name, value, 'an optimizer')
}

function checkSignal(op: string, name: string, value: unknown): void {
  if (!(value instanceof AbortSignal)) refuse(op, name, value, 'an AbortSignal')
}

function checkCallbacks(op: string, name: string, value: unknown): void {
  checkList(op, name, value, 'callbacks')
  for (const [i, callback] of value.entries()) checkObject(op, `${name}[${i}]`, callback)
}

function checkMetrics(op: string, name: string, value: unknown): void {
  checkObject(op, name, value)
  for (const [metric, fn] of Object.entries(value)) checkFunction(op, `${name}.${metric}`, fn)
}

const checkpointChecks: Checks<CheckpointOptions> = { last: checkString, best: checkString, monitor: checkString }
const asCompileOptions = optionsLike(compileChecks)
const asCheckpointOptions = optionsLike(checkpointChecks)

const trainerChecks: Checks<TrainerOptions> = {
  optimizer: checkOptimizer,
  loss: checkFunction,
  scheduler: (op, name, value) => {
    if (!(value instanceof LRScheduler)) refuse(op, name, value, 'a scheduler')
  },
  schedulerInterval: among('epoch', 'step'),
  clipGradNorm: checkNumber,
  autocast: () => {}, // seen by the constructor
  device: checkString,
  metrics: checkMetrics,
  callbacks: checkCallbacks,
  stepsInFlight: integerFrom(1),
  stopAtNaN: checkBoolean,
  compile: (op, name, value) => {
    if (typeof value !== 'boolean') asCompileOptions(op, name, value)
  },
}

const fitChecks: Checks<FitOptions> = {
  epochs: checkNumber,
  validation: checkSource,
  onStep: checkFunction,
  onEpoch: checkFunction,
  signal: checkSignal,
  checkpoint: (op, name, value) => {
    if (typeof value !== 'string') asCheckpointOptions(op, name, value)
  },
}

/**
 * Trains a network (in the manner of https://lightning.ai/docs/pytorch/stable/common/trainer.html, much smaller).
 * @example
 * const trainer = new Trainer(net, { optimizer: new Adam(net.parameters()), loss: functional.crossEntropy })
 * await trainer.fit(trainLoader, { epochs: 5, validation: testLoader, checkpoint: 'net.safetensors' })
 * const { accuracy } = await trainer.evaluate(testLoader)
 */
export class Trainer<Output = Tensor> {
  readonly net: Module<[x: Tensor], Output>
  readonly optimizer: Optimizer
  readonly scheduler: LRScheduler | undefined
  readonly #options: TrainerOptions<Output>
  readonly #device: DeviceName | undefined
  readonly #callbacks: readonly TrainerCallback[]
  readonly #stepsInFlight: number
  /** Only for float16: bfloat16 has the range of float32. */
  readonly #scaler: GradScaler | undefined
  #isFitting = false
  #epoch = 0
  #step = 0
  #history: EpochRecord[] = []
  #best: { epoch: number; value: number } | undefined
  /** What happens on the device, each compiled unless the caller does not want it. */
  readonly #train: (x: Tensor, target: Tensor) => Measured
  readonly #loss: (x: Tensor, target: Tensor) => Tensor
  /** The optimizer's step, where it waits for the loss; undefined where it is a part of `#train`. */
  readonly #update: (() => void) | undefined
  readonly #evaluate: (x: Tensor, target: Tensor) => Measured
  readonly #forward: (x: Tensor) => Output

  constructor(net: Module<[x: Tensor], Output>, options: TrainerOptions<Output>) {
    if (!(net instanceof Module)) refuse('Trainer', 'net', net, 'a module')
    checkOptions('Trainer', options, trainerChecks as Checks<TrainerOptions<Output>>)
    checkOptimizer('Trainer', 'optimizer', options.optimizer)
    checkFunction('Trainer', 'loss', options.loss)
    const { optimizer, scheduler, callbacks = [], stepsInFlight = 3 } = options
    // 'auto' gets its real name: that is what tensors say of themselves.
    this.#device = options.device === undefined ? undefined : (native.openDevice(options.device) as DeviceName)
    this.net = this.#device === undefined ? net : net.to(this.#device)
    this.optimizer = optimizer
    this.scheduler = scheduler
    this.#options = { ...options }
    this.#callbacks = callbacks
    this.#stepsInFlight = stepsInFlight
    const { loss: lossOf, metrics, clipGradNorm: maxNorm, compile: isCompiled = true, autocast: half = null } = options
    const { stopAtNaN = false } = options
    if (half !== null && half !== 'bfloat16' && half !== 'float16') {
      throw new DTypeError(`Trainer: autocast is ${textOf(half)}, expected bfloat16 or float16`)
    }
    const scaler = half === 'float16' ? new GradScaler() : undefined
    this.#scaler = scaler
    // Outside of `half` nothing is said, so that a Trainer may run within an autocast of the caller's.
    const mixed = <Result>(fn: () => Result): Result => (half ? autocast(half, fn) : fn())
    const forward = (x: Tensor, target: Tensor) =>
      mixed(() => {
        const output = this.net.forward(x)
        const loss = lossOf(output, target)
        checkTensor('Trainer', 'what the loss returned', loss)
        return { output, loss }
      })
    this.#loss = (x, target) => forward(x, target).loss
    const measured = (loss: Tensor, output: Output, target: Tensor) =>
      noGrad(() => mixed(() => measure(loss, output, target, metrics)))
    const compiled = <Args extends readonly unknown[], Result>(
      fn: (...args: Args) => Result,
    ): ((...args: Args) => Result) =>
      isCompiled ? compile(fn, isCompiled === true ? {} : isCompiled) : (...args) => tidy(() => fn(...args))
    const step = () => {
      this.optimizer.step()
      this.optimizer.zeroGrad()
    }
    this.#train = compiled((x: Tensor, target: Tensor) => {
      const { output, loss } = forward(x, target)
      if (scaler) {
        // Whether there is a step is known when the gradients are: it happens outside.
        scaler.scale(loss).backward()
        return measured(loss, output, target)
      }
      loss.backward()
      const norm =
        maxNorm !== undefined || stopAtNaN ? clipGradNorm(this.net.parameters(), maxNorm ?? Infinity) : undefined
      if (stopAtNaN) return { ...measured(loss, output, target), norm }
      step()
      return measured(loss, output, target)
    })
    this.#update = stopAtNaN ? compiled(step) : undefined
    this.#evaluate = compiled((x: Tensor, target: Tensor) => {
      const { output, loss } = forward(x, target)
      return measured(loss, output, target)
    })
    this.#forward = compiled((x: Tensor) => mixed(() => this.net.forward(x)))
  }

  /** Epochs that are finished. */
  get epoch(): number {
    return this.#epoch
  }
  /** Steps since the first epoch. */
  get step(): number {
    return this.#step
  }
  /** One record for each finished epoch, those before a resumed run too. */
  get history(): readonly EpochRecord[] {
    return this.#history
  }
  /** The best epoch so far by the score that the checkpoint follows (default: the loss), and that score. */
  get best(): { readonly epoch: number; readonly value: number } | undefined {
    return this.#best
  }

  /**
   * Trains until the network has had `epochs` epochs and gives the history.
   * Rejects with the error of a failed op or batch, or with the signal's reason; steps that were queued have then ended.
   * @throws ValueError for a number of epochs that is no positive integer, or a second `fit` at the same time.
   */
  async fit(loader: BatchSource, options: FitOptions): Promise<readonly EpochRecord[]> {
    checkSource('Trainer.fit', 'loader', loader)
    checkOptions('Trainer.fit', options, fitChecks)
    const { epochs, validation, signal } = options
    if (!Number.isInteger(epochs) || epochs < 1) {
      throw new ValueError(`Trainer.fit: epochs is ${textOf(epochs)}, expected an integer from 1 on`)
    }
    if (this.#isFitting)
      throw new ValueError('Trainer.fit: this trainer is fitting already, expected one fit at a time')
    this.#isFitting = true
    const { onStep, onEpoch } = options
    const watchers = [...this.#callbacks, { ...(onStep && { onStep }), ...(onEpoch && { onEpoch }) }]
    const { length: batches, examples } = loader
    let failure: { error: unknown } | undefined
    try {
      for (const watcher of watchers) await watcher.onFitStart?.({ firstEpoch: this.#epoch, epochs, batches, examples })
      while (this.#epoch < epochs) {
        const trained = await this.#trainEpoch(loader, epochs, signal, watchers)
        const scores = validation && (await this.evaluate(validation, { signal }))
        // ReduceLROnPlateau follows the loss; the others take no notice of it.
        if (this.#options.schedulerInterval !== 'step') this.scheduler?.step((scores ?? trained.scores).loss)
        const record = this.#record(trained, scores, options.checkpoint)
        await this.#saveAfterEpoch(record, options.checkpoint)
        for (const watcher of watchers) await watcher.onEpoch?.(record)
      }
    } catch (error) {
      failure = { error }
    }
    this.#isFitting = false
    for (const watcher of watchers) {
      try {
        await watcher.onFitEnd?.()
      } catch (error) {
        failure ??= { error } // the first is the cause of the others, or matters as much
      }
    }
    if (failure) throw failure.error
    return this.#history
  }

  /** Mean loss and metrics over a loader, in evaluation mode and without gradients; the mode comes back afterwards. */
  async evaluate(loader: BatchSource, options: { signal?: AbortSignal | undefined } = {}): Promise<Scores> {
    const { signal } = checkOptions('Trainer.evaluate', options, { signal: checkSignal })
    checkSource('Trainer.evaluate', 'loader', loader)
    const running = new RunningScores()
    const inFlight = new InFlight(this.#stepsInFlight)
    try {
      await eachBatch(loader, signal, async ({ x, y }) => {
        const examples = x.shape[0] ?? 1
        const { names, values } = this.#inEvalMode(() => tidy(() => this.#evaluate(this.#moved(x), this.#moved(y))))
        await inFlight.push(readOnce(values).then((data) => running.add(names, data, examples)))
      })
      await inFlight.drain()
    } finally {
      await inFlight.settle()
    }
    return running.scores
  }

  /** The network's output for x, in evaluation mode and without gradients. The caller owns it. */
  async predict(x: Tensor): Promise<Output> {
    checkTensor('Trainer.predict', 'x', x)
    return this.#inEvalMode(() => tidy(() => this.#forward(this.#moved(x))))
  }

  /**
   * Writes weights, optimizer, schedule, epoch, history and random state into one .safetensors file, atomically and with a checksum.
   * The format: docs/checkpoints.md.
   */
  async saveCheckpoint(file: string): Promise<void> {
    const state: LoopState = {
      epoch: this.#epoch,
      step: this.#step,
      history: this.#history,
      ...(this.#best && { best: this.#best }),
      ...(this.#scaler && { gradScaler: this.#scaler.stateDict() as GradScalerState }),
    }
    await saveCheckpoint(file, this, state)
  }

  /**
   * Takes up what `saveCheckpoint` wrote: the run goes on as if it had never stopped, bit for bit on the same device. All of it is
   * checked before any is taken: where it rejects, nothing has changed. For a part of a checkpoint, such as the network alone, there is
   * {@link readCheckpoint}.
   * @throws FormatError if the file is no checkpoint, damaged or changed; ShapeError, DTypeError or ValueError if it is one of another
   * network, kind of optimizer or schedule; ValueError while `fit` runs.
   */
  async loadCheckpoint(file: string): Promise<void> {
    using checkpoint = await readCheckpoint(file)
    // Looked at when nothing waits any more.
    if (this.#isFitting)
      throw new ValueError('Trainer.loadCheckpoint: fit runs, expected to be called before or after it')
    const { net, optimizer, scheduler } = this
    takeCheckpoint(checkpoint, file, { net, optimizer, scheduler, scaler: this.#scaler })
    const { epoch, step, history, best } = checkpoint
    this.#epoch = epoch
    this.#step = step
    this.#history = [...history]
    this.#best = best
  }

  async #trainEpoch(
    loader: BatchSource,
    epochs: number,
    signal: AbortSignal | undefined,
    watchers: readonly TrainerCallback[],
  ): Promise<TrainedEpoch> {
    const running = new RunningScores()
    const inFlight = new InFlight(this.#stepsInFlight)
    const start = performance.now()
    const secondsSince = () => (performance.now() - start) / 1000
    let batch = 0
    let reported = Promise.resolve()
    let learningRate = this.optimizer.lr
    if ('epoch' in loader) loader.epoch = this.#epoch
    this.net.train()
    this.optimizer.zeroGrad()
    try {
      await eachBatch(loader, signal, async ({ x, y }) => {
        const examples = x.shape[0] ?? 1
        learningRate = this.optimizer.lr
        const { names, values } = await this.#trainStep({ x, y })
        const at = {
          epoch: this.#epoch,
          epochs,
          batch: ++batch,
          batches: loader.length,
          step: ++this.#step,
          learningRate,
        }
        const report = async (data: ArrayLike<number>) => {
          running.add(names, data, examples)
          const examplesPerSecond = running.examples / secondsSince()
          const info = { ...at, ...running.scores, stepLoss: data[0]!, examples: running.examples, examplesPerSecond }
          for (const watcher of watchers) await watcher.onStep?.(info)
        }
        const last = reported // a callback that takes long is not called again meanwhile
        reported = readOnce(values).then(async (data) => {
          await last
          await report(data)
        })
        await inFlight.push(reported)
      })
      await inFlight.drain()
    } finally {
      await inFlight.settle()
    }
    return { scores: running.scores, seconds: secondsSince(), examples: running.examples, learningRate }
  }

  async #trainStep({ x, y }: TrainingBatch): Promise<Measured> {
    const measured = tidy(() => this.#train(this.#moved(x), this.#moved(y)))
    if (this.#options.stopAtNaN) await this.#stopAtNaN(measured, { x, y })
    if (this.#scaler) await this.#scaledStep(this.#scaler)
    else this.#update?.()
    if (this.#options.schedulerInterval === 'step') this.scheduler?.step()
    return measured
  }

  /** @throws ValueError where the loss or the norm of the gradients is not finite. */
  async #stopAtNaN({ values, norm }: Measured, batch: TrainingBatch): Promise<void> {
    const [[loss], norms] = await Promise.all([values.data(), norm?.data()])
    norm?.dispose()
    const [what, value] = Number.isFinite(loss) ? ['the norm of the gradients', norms?.[0] ?? 0] : ['the loss', loss]
    if (Number.isFinite(value)) return
    values.dispose()
    const moved = { x: this.#moved(batch.x), y: this.#moved(batch.y) }
    const cause = await whereItBegan(this.net, moved, this.#loss)
    if (moved.x !== batch.x) moved.x.dispose()
    if (moved.y !== batch.y) moved.y.dispose()
    this.optimizer.zeroGrad()
    throw new ValueError(`Trainer.fit: ${what} is ${value} at step ${this.#step + 1}, epoch ${this.#epoch}; ${cause}`)
  }

  /** Unscales, clips and steps where the gradients are finite. */
  async #scaledStep(scaler: GradScaler): Promise<void> {
    const { clipGradNorm: maxNorm } = this.#options
    scaler.unscale(this.optimizer)
    if (maxNorm !== undefined) clipGradNorm(this.net.parameters(), maxNorm).dispose()
    await scaler.step(this.optimizer)
    scaler.update()
    this.optimizer.zeroGrad()
  }

  #moved(tensor: Tensor): Tensor {
    const device = this.#device
    return device === undefined || device === tensor.device ? tensor : tensor.to(device)
  }

  #inEvalMode<T>(fn: () => T): T {
    const modes = this.net.modules().map((module) => [module, module.training] as const)
    this.net.eval()
    try {
      return noGrad(fn)
    } finally {
      for (const [module, training] of modes) module.training = training
    }
  }

  #record(trained: TrainedEpoch, validation: Scores | undefined, checkpoint: FitOptions['checkpoint']): EpochRecord {
    const monitor = (typeof checkpoint === 'object' && checkpoint.monitor) || 'loss'
    const value = scoreOf(validation ?? trained.scores, monitor)
    const isBetter = (than: number) => (monitor === 'loss' ? value < than : value > than)
    const isBest = !Number.isNaN(value) && (this.#best === undefined || isBetter(this.#best.value))
    if (isBest) this.#best = { epoch: this.#epoch, value }
    const record: EpochRecord = {
      epoch: this.#epoch,
      step: this.#step,
      ...trained.scores,
      ...(validation && { validation }),
      seconds: trained.seconds,
      examplesPerSecond: trained.examples / trained.seconds,
      learningRate: trained.learningRate,
      isBest,
    }
    this.#history.push(record)
    this.#epoch++
    return record
  }

  async #saveAfterEpoch(record: EpochRecord, checkpoint: FitOptions['checkpoint']): Promise<void> {
    const { last, best } = typeof checkpoint === 'string' ? { last: checkpoint, best: undefined } : (checkpoint ?? {})
    if (last !== undefined) await this.saveCheckpoint(last)
    if (best !== undefined && record.isBest) await this.saveCheckpoint(best)
  }
}

interface TrainedEpoch {
  readonly scores: Scores
  readonly seconds: number
  readonly examples: number
  readonly learningRate: number
}

function scoreOf(scores: Scores, monitor: string): number {
  const value = monitor === 'loss' ? scores.loss : scores.metrics[monitor]
  if (value === undefined) {
    const names = ['loss', ...Object.keys(scores.metrics)].join(', ')
    throw new ValueError(`Trainer.fit: checkpoint.monitor '${monitor}', expected one of ${names}`)
  }
  return value
}

/** Reads a tensor and frees it: the read is queued already. */
async function readOnce(tensor: Tensor): Promise<ArrayLike<number>> {
  const reading = tensor.data()
  tensor.dispose()
  return reading
}
