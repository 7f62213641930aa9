// Trainer: the training loop. JavaScript only queues work; the device computes; the event loop stays free.
import type { DeviceName } from '../../types/dtype.js'
import { autocast } from '../autocast.js'
import { type Checks, checkFunction, checkOptions, refuse, textOf } from '../check.js'
import { compile } from '../compile.js'
import { DTypeError, ValueError } from '../errors.js'
import { checkTensor } from '../functional/arguments.js'
import { GradScaler, type GradScalerState } from '../grad-scaler.js'
import { native } from '../native.js'
import { Module } from '../nn/module.js'
import { clipGradNorm, type LRScheduler, type Optimizer } from '../optim/index.js'
import { noGrad, type Tensor } from '../tensor.js'
import { tidy } from '../tidy.js'
import { checkSource, eachBatch } from './batches.js'
import { readCheckpoint, saveCheckpoint, takeCheckpoint } from './checkpoint.js'
import type { LoopState } from './checkpoint-state.js'
import { whereItBegan } from './divergence.js'
import { InFlight } from './in-flight.js'
import {
  checkOptimizer,
  checkSignal,
  type FitOptions,
  fitChecks,
  type TrainerOptions,
  trainerChecks,
} from './options.js'
import { type Measured, measure, RunningScores } from './scores.js'
import type { BatchSource, EpochRecord, Scores, TrainerCallback, TrainingBatch } from './types.js'

/**
 * Trains a network, much like Lightning's trainer but smaller: epochs, validation, metrics, checkpoints, callbacks. Batches are x [n, …] and
 * y [n, …]; the loss is a scalar. Steps are queued on the device; the event loop stays free.
 * @throws ValueError if `net` is not a module or an option is out of range; DTypeError if autocast is not a half type; DeviceError if there is no such device.
 * @see https://lightning.ai/docs/pytorch/stable/common/trainer.html
 * @example
 * const trainer = new Trainer(net, { optimizer: new optim.Adam(net.parameters()), loss: functional.crossEntropy })
 * await trainer.fit(loader, { epochs: 5, validation: testLoader, checkpoint: 'run.safetensors' })
 * const { accuracy } = await trainer.evaluate(testLoader)
 */
export class Trainer<Output = Tensor> {
  /** The network. */
  readonly net: Module<[x: Tensor], Output>
  /** The optimizer. */
  readonly optimizer: Optimizer
  /** The schedule of the learning rate, if there is one. */
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

  /** Epochs that are finished, those before a resume included. */
  get epoch(): number {
    return this.#epoch
  }
  /** Steps since the first epoch. */
  get step(): number {
    return this.#step
  }
  /** One record for each finished epoch, those before a resume included. */
  get history(): readonly EpochRecord[] {
    return this.#history
  }
  /** The best epoch so far by the score that the checkpoint monitors (default: the loss), and that score. */
  get best(): { readonly epoch: number; readonly value: number } | undefined {
    return this.#best
  }

  /**
   * Trains until `epochs` epochs are finished, those before a resume included, and resolves with the history. Rejects with the error of a failed op or
   * batch, or with the signal's reason; steps that were queued have ended by then.
   * @throws ValueError (rejects) if epochs is not a positive integer, an option is out of range, or a fit is running.
   * @example const history = await trainer.fit(loader, { epochs: 5, validation: testLoader })
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

  /**
   * Mean loss and metrics over all batches of a loader, in evaluation mode and without gradients. The network's mode is restored.
   * @throws ValueError (rejects) if the loader gives no batches. Rejects with the error of a failed op or batch, or the signal's reason.
   * @example const { loss: testLoss, accuracy } = await trainer.evaluate(testLoader)
   */
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

  /**
   * The network's output for a batch x [n, …], in evaluation mode and without gradients. The caller owns it.
   * @throws ShapeError (rejects) if x does not fit the network; ValueError if it is not a tensor.
   * @example const logits = await trainer.predict(x)
   */
  async predict(x: Tensor): Promise<Output> {
    checkTensor('Trainer.predict', 'x', x)
    return this.#inEvalMode(() => tidy(() => this.#forward(this.#moved(x))))
  }

  /**
   * Writes weights, optimizer, schedule, epoch, history and random state into one .safetensors file, atomically and with a checksum.
   * The format: docs/checkpoints.md.
   * @throws FormatError (rejects) if the file cannot be written.
   * @example await trainer.saveCheckpoint('run.safetensors')
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
   * Restores what `saveCheckpoint` wrote. The run goes on as if it had never stopped, bit for bit on the same device. Everything is checked first:
   * if it rejects, nothing has changed. For a part of a checkpoint, such as the network alone, see {@link readCheckpoint}.
   * @throws FormatError if the file is not a checkpoint, is damaged or was changed; ShapeError, DTypeError or ValueError if it is of another
   * network, kind of optimizer or schedule; ValueError while `fit` runs.
   * @example await trainer.loadCheckpoint('run.safetensors')
   */
  async loadCheckpoint(file: string): Promise<void> {
    this.#refuseWhileFitting()
    using checkpoint = await readCheckpoint(file)
    this.#refuseWhileFitting() // fit may have begun meanwhile
    const { net, optimizer, scheduler } = this
    takeCheckpoint(checkpoint, file, { net, optimizer, scheduler, scaler: this.#scaler })
    const { epoch, step, history, best } = checkpoint
    this.#epoch = epoch
    this.#step = step
    this.#history = [...history]
    this.#best = best
  }

  #refuseWhileFitting(): void {
    if (!this.#isFitting) return
    throw new ValueError('Trainer.loadCheckpoint: fit runs, expected to be called before or after it')
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
