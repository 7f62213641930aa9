// Loss scaling: keeps small gradients from vanishing in float16, and skips steps whose gradients overflowed.

import { type Checks, checkBoolean, checkNumber, checkObject, checkOptions, refuse, textOf } from './check.js'
import { full } from './creation.js'
import { DTypeError, ValueError } from './errors.js'
import { add, mul, reciprocal } from './functional/index.js'
import { isForeign } from './marks.js'
import { native } from './native.js'
import type { Optimizer } from './optim/index.js'
import { noGrad, Tensor, wrap } from './tensor.js'
import { keep, tidy } from './tidy.js'
import { outsideTrace } from './tracing.js'

/** Options of {@link GradScaler}. */
export interface GradScalerOptions {
  /** The first scale, above 0. Default 65536. */
  initScale?: number
  /**
   * The scale is multiplied by this after `growthInterval` steps in a row with finite gradients; above 1. Default 2.
   */
  growthFactor?: number
  /** The scale is multiplied by this after a step with gradients that are not finite; in (0, 1). Default 0.5. */
  backoffFactor?: number
  /** Steps with finite gradients before the scale grows; a positive integer. Default 2000. */
  growthInterval?: number
  /** If false, losses are not scaled and `step` only steps the optimizer. Default true. */
  enabled?: boolean
}

/** State of a scaler, as `stateDict()` gives it. */
export interface GradScalerState {
  /** The present scale. */
  scale: number
  /** As in the options. */
  growthFactor: number
  /** As in the options. */
  backoffFactor: number
  /** As in the options. */
  growthInterval: number
  /** Finite steps since the scale last changed. */
  growthTracker: number
}

/** What a scaler needs of an optimizer, whatever its options. */
export type Steppable = Pick<Optimizer, 'step'> & { readonly paramGroups: readonly { params: Tensor[] }[] }

/** What has been done for an optimizer since the last `update`. */
interface Progress {
  /** The largest magnitude of its unscaled gradients, to be read once. */
  largest?: Tensor | undefined
  isOverflown?: boolean
}

function checkSteppable(op: string, optimizer: unknown): asserts optimizer is Steppable {
  checkObject(`GradScaler.${op}`, 'optimizer', optimizer)
  const { paramGroups, step } = optimizer as Partial<Steppable>
  if (!Array.isArray(paramGroups) || typeof step !== 'function' || isForeign(optimizer)) {
    refuse(`GradScaler.${op}`, 'optimizer', optimizer, 'an optimizer')
  }
}

const scalerChecks: Checks<GradScalerOptions> = {
  initScale: checkNumber,
  growthFactor: checkNumber,
  backoffFactor: checkNumber,
  growthInterval: checkNumber,
  enabled: checkBoolean,
}

function checkState(where: string, state: GradScalerState): void {
  const checks: [name: keyof GradScalerState, isRight: (value: number) => boolean, expected: string][] = [
    ['scale', (value) => value > 0 && Number.isFinite(value), 'a positive number'],
    ['growthFactor', (value) => value > 1 && Number.isFinite(value), 'more than 1'],
    ['backoffFactor', (value) => value > 0 && value < 1, 'more than 0 and less than 1'],
    ['growthInterval', (value) => Number.isInteger(value) && value > 0, 'a whole number of at least 1'],
    ['growthTracker', (value) => Number.isInteger(value) && value >= 0, 'a whole number of at least 0'],
  ]
  for (const [name, isRight, expected] of checks) {
    const value: unknown = state?.[name]
    if (typeof value !== 'number' || !isRight(value)) {
      throw new ValueError(`${where}: ${name} is ${textOf(value)}, expected ${expected}`)
    }
  }
}

/**
 * Multiplies losses by a scale that it adapts, so that gradients keep within float16, as `torch.amp.GradScaler` does.
 *
 * Whether gradients overflowed is known when the device has computed them: `step` returns a promise, so the event loop is never blocked, but
 * the queue runs empty once a step. The scale lies on the device and may be used inside `compile` (`scale(loss).backward()`); `unscale`,
 * `step` and `update` belong outside. bfloat16 has the range of float32 and needs no scaler.
 *
 * @throws ValueError if growthFactor is not above 1, backoffFactor not in (0, 1), or another option is out of range.
 * @see https://docs.pytorch.org/docs/stable/amp.html#torch.amp.GradScaler
 * @see https://arxiv.org/abs/1710.03740
 * @example
 * const loss = autocast('float16', () => functional.crossEntropy(net.forward(x), y))
 * scaler.scale(loss).backward()
 * await scaler.step(optimizer)
 * scaler.update()
 * optimizer.zeroGrad()
 */
export class GradScaler {
  /** False if the scaler does nothing but step. */
  readonly enabled: boolean
  #state: GradScalerState
  /** The scale, a float32 scalar, on each device where there were losses: compiled functions read it at each run. */
  readonly #scales = new Map<string, Tensor>()
  readonly #progress = new Map<Steppable, Progress>()

  /** @throws ValueError if an option is out of range. */
  constructor(options: GradScalerOptions = {}) {
    const {
      initScale = 65536,
      growthFactor = 2,
      backoffFactor = 0.5,
      growthInterval = 2000,
      enabled = true,
    } = checkOptions('GradScaler', options, scalerChecks)
    const state = { scale: initScale, growthFactor, backoffFactor, growthInterval, growthTracker: 0 }
    checkState('GradScaler', state)
    this.#state = state
    this.enabled = enabled
  }

  /**
   * The present scale; 1 if the scaler is not enabled.
   * @example const scale = scaler.getScale()
   */
  getScale(): number {
    return this.enabled ? this.#state.scale : 1
  }

  /**
   * The loss, or each of several, times the scale, in float32: call `backward()` on that. Any shape, usually a scalar.
   * @throws ValueError if it is neither a tensor nor an array of tensors.
   * @example scaler.scale(loss).backward()
   */
  scale(loss: Tensor): Tensor
  /**
   * Each of several losses times the scale.
   * @throws ValueError for what is no tensor.
   * @example for (const each of scaler.scale([loss])) each.backward()
   */
  scale(losses: readonly Tensor[]): Tensor[]
  scale(loss: Tensor | readonly Tensor[]): Tensor | Tensor[] {
    if (Array.isArray(loss)) return loss.map((each) => this.scale(each))
    if (!(loss instanceof Tensor)) refuse('GradScaler.scale', 'loss', loss, 'a tensor, or an array of tensors')
    if (!this.enabled) return loss
    return tidy(() => {
      const isHalf = loss.dtype === 'float16' || loss.dtype === 'bfloat16'
      const wide = isHalf ? loss.to('float32') : loss
      return mul(wide, this.#scaleOn(wide))
    })
  }

  /**
   * Divides the gradients of the optimizer's parameters by the scale, in place, for code that needs their true size, such as clipping.
   * `step` does it if it has not been done.
   * @throws ValueError if it was called since the last `update()`, or there is no gradient; DTypeError if a gradient is of a half type.
   * @example scaler.unscale(optimizer); optim.clipGradNorm(net.parameters(), 1)
   */
  unscale(optimizer: Steppable): void {
    checkSteppable('unscale', optimizer)
    if (!this.enabled) return
    if (this.#progress.has(optimizer)) {
      throw new ValueError(
        'GradScaler: unscale() after unscale() or step() of the same optimizer, expected update() between',
      )
    }
    this.#progress.set(optimizer, { largest: noGrad(() => tidy(() => this.#unscaled(optimizer))) })
  }

  /**
   * Steps the optimizer if its gradients are finite, else leaves its parameters and state as they are. Resolves with whether it stepped, once
   * the gradients are computed; until then neither gradients nor parameters may be changed.
   * @throws ValueError (rejects) at a second step of the same optimizer since the last `update()`. Rejects with the error of an op that failed on
   * the way to the gradients; then there is no step, and no `update()` is due.
   * @example const hasStepped = await scaler.step(optimizer)
   */
  async step(optimizer: Steppable): Promise<boolean> {
    checkSteppable('step', optimizer)
    if (!this.enabled) {
      optimizer.step()
      return true
    }
    if (!this.#progress.has(optimizer)) this.unscale(optimizer)
    const progress = this.#progress.get(optimizer)!
    if (!progress.largest) {
      throw new ValueError('GradScaler: step() after step() of the same optimizer, expected update() between')
    }
    const { largest } = progress
    progress.largest = undefined
    try {
      progress.isOverflown = !Number.isFinite(await largest.item())
    } catch (error) {
      this.#progress.delete(optimizer) // an op failed on the way: this step is as if it had not been asked for
      throw error
    } finally {
      largest.dispose()
    }
    if (!progress.isOverflown) optimizer.step()
    return !progress.isOverflown
  }

  /**
   * Adapts the scale: smaller if gradients overflowed since the last update, larger after `growthInterval` updates without overflow;
   * or sets it to `newScale`.
   * @throws ValueError if no step has finished since the last update.
   * @example scaler.update()
   */
  update(newScale?: number): void {
    if (!this.enabled) return
    const all = [...this.#progress.values()]
    if (newScale === undefined && (all.length === 0 || all.some(({ isOverflown }) => isOverflown === undefined))) {
      throw new ValueError('GradScaler: update() before a step has finished, expected `await scaler.step(optimizer)`')
    }
    const { scale, growthFactor, backoffFactor, growthInterval, growthTracker } = this.#state
    if (newScale !== undefined) {
      this.#set({ ...this.#state, scale: newScale })
    } else if (all.some(({ isOverflown }) => isOverflown)) {
      this.#set({ ...this.#state, scale: scale * backoffFactor, growthTracker: 0 })
    } else if (growthTracker + 1 < growthInterval) {
      this.#state = { ...this.#state, growthTracker: growthTracker + 1 }
    } else {
      // As in PyTorch, the scale stops growing at float32's maximum.
      const grown = Math.fround(scale * growthFactor)
      this.#set({ ...this.#state, scale: Number.isFinite(grown) ? grown : scale, growthTracker: 0 })
    }
    for (const { largest } of all) largest?.dispose()
    this.#progress.clear()
  }

  /**
   * Scale, factors and progress, as plain data; empty if the scaler is not enabled.
   * @example const state = scaler.stateDict()
   */
  stateDict(): GradScalerState | Record<string, never> {
    return this.enabled ? { ...this.#state } : {}
  }

  /**
   * Checks whether `loadStateDict` would take the state. Nothing is changed.
   * @throws ValueError if a number is missing or out of range.
   * @example scaler.checkStateDict(scaler.stateDict())
   */
  checkStateDict(state: GradScalerState | Record<string, never>): void {
    if (this.enabled) checkState('GradScaler', state as GradScalerState)
  }

  /**
   * Takes over what `stateDict()` returned. If it throws, nothing has changed.
   * @throws ValueError if a number is missing or out of range.
   * @example scaler.loadStateDict(scaler.stateDict())
   */
  loadStateDict(state: GradScalerState | Record<string, never>): void {
    if (!this.enabled) return
    checkObject('GradScaler.loadStateDict', 'the state', state)
    this.checkStateDict(state)
    const { scale, growthFactor, backoffFactor, growthInterval, growthTracker } = state as GradScalerState
    this.#set({ scale, growthFactor, backoffFactor, growthInterval, growthTracker })
  }

  /**
   * Frees the scale on the devices.
   * @example scaler.dispose()
   */
  dispose(): void {
    for (const { largest } of this.#progress.values()) largest?.dispose()
    for (const scale of this.#scales.values()) scale.dispose()
    this.#progress.clear()
    this.#scales.clear()
  }
  /** For `using`: calls `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  #set(state: GradScalerState): void {
    checkState('GradScaler', state)
    this.#state = state
    for (const scale of this.#scales.values()) scale.fill_(state.scale)
  }

  /** The scale beside `tensor`: on its device, of its type. */
  #scaleOn({ device, dtype }: Tensor): Tensor {
    const key = `${device} ${dtype}`
    let scale = this.#scales.get(key)
    if (!scale) {
      scale = outsideTrace(() => keep(full([], this.#state.scale, { device, dtype })))
      this.#scales.set(key, scale)
    }
    return scale
  }

  /** Unscales in place; the largest magnitude of all gradients, infinite or NaN where one of them is. */
  #unscaled(optimizer: Steppable): Tensor {
    const groups = new Map<string, Tensor[]>()
    for (const { params } of optimizer.paramGroups) {
      for (const param of params) {
        const { grad } = param
        if (!grad) continue
        if (grad.dtype !== 'float32' && grad.dtype !== 'float64') {
          throw new DTypeError(
            `GradScaler: a gradient is ${grad.dtype}, expected float32: parameters stay float32 under autocast`,
          )
        }
        const key = `${grad.device} ${grad.dtype}`
        groups.set(key, [...(groups.get(key) ?? []), grad])
      }
    }
    if (groups.size === 0)
      throw new ValueError('GradScaler: no parameter of the optimizer has a gradient, expected backward() before')
    const largest = [...groups.values()].map((grads) => {
      const inverse = reciprocal(this.#scaleOn(grads[0]!))
      for (const grad of grads) grad.copy_(mul(grad, inverse))
      // Clipping to no bound changes nothing, and its norm of infinite order lets every NaN and infinity through.
      const handles = grads.map(({ handle }) => handle)
      return wrap(native.ops.clipGradNorm(handles, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY))
    })
    const [first, ...others] = largest.map((each) => each.to('float32').to(largest[0]!.device))
    return others.reduce(add, first!)
  }
}
