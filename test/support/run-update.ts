// Runs an update case on one device: through the native ops, and through the optimizer classes.
import { full, optim, type Tensor, tensor } from '../../lib/index.js'
import { native } from '../../lib/native.js'
import type { DeviceName } from '../../types/dtype.js'
import type { UpdateCase } from '../cases/update.js'
import { generate } from './generator.js'
import type { Values } from './golden.js'
import type { ComputeType, Result } from './run-case.js'

type Options = { [key: string]: number | boolean }

function number(options: Options, name: string, otherwise: number): number {
  return Number(options[name] ?? otherwise)
}

function makeTensors(each: UpdateCase, part: string, dtype: ComputeType, device: DeviceName): Tensor[] {
  const scale = (each.scale ?? 2) / 2
  return each.shapes.map((shape, i) => {
    const spec = { shape, dtype: 'float32', kind: 'uniform', low: -2, high: 2 } as const
    const values = generate(spec, `${each.name}/${part}/${i}`).map((value) => value * scale)
    return tensor(Float64Array.from(values), { shape, dtype, device })
  })
}

async function resultOf(tensors: Tensor[], norm?: Tensor): Promise<Result> {
  const parts: [string, Tensor][] = tensors.map((t, i) => [`y${i}`, t])
  if (norm) parts.unshift(['norm', norm])
  const result: Result = new Map()
  for (const [part, t] of parts) result.set(part, { dtype: t.dtype, shape: t.shape, data: (await t.data()) as Values })
  return result
}

const handles = (tensors: Tensor[]) => tensors.map((t) => t.handle)

/** The state tensors of an optimizer: as many zeros as there are parameters, or none. */
function state(params: Tensor[], isUsed: boolean): Tensor[] {
  return isUsed ? params.map((p) => full(p.shape, 0, { dtype: p.dtype, device: p.device })) : []
}

/** The native op, with state tensors of its own. */
export async function updateNatively(each: UpdateCase, dtype: ComputeType, device: DeviceName): Promise<Result> {
  const { fn, options } = each
  const { ops } = native
  const all: Tensor[] = []
  const own = (tensors: Tensor[]): Tensor[] => {
    all.push(...tensors)
    return tensors
  }
  if (fn === 'clipGradNorm' || fn === 'clipGradValue') {
    const grads = own(makeTensors(each, 'g0', dtype, device))
    const { maxNorm, clipValue } = options
    let result: Result
    if (fn === 'clipGradNorm') {
      const norm = ops.clipGradNorm(handles(grads), Number(maxNorm), number(options, 'normType', 2))
      const data = await native.read(norm)
      const view = dtype === 'float64' ? new Float64Array(data) : new Float32Array(data)
      result = new Map([['norm', { dtype, shape: native.shape(norm), data: view }], ...(await resultOf(grads))])
      native.dispose(norm)
    } else {
      ops.clipGradValue(handles(grads), Number(clipValue))
      result = await resultOf(grads)
    }
    for (const t of all) t.dispose()
    return result
  }
  const params = own(makeTensors(each, 'p', dtype, device))
  const momentum = number(options, 'momentum', 0)
  const weightDecay = number(options, 'weightDecay', fn === 'adamw' ? 0.01 : 0)
  const isAdam = fn === 'adam' || fn === 'adamw'
  const first = own(state(params, isAdam || (fn === 'sgd' && momentum !== 0) || fn === 'rmsProp'))
  const second = own(state(params, isAdam || (fn === 'rmsProp' && momentum !== 0)))
  const third = own(state(params, options.amsgrad === true || options.centered === true))
  for (let step = 1; step <= each.steps; step++) {
    const lr = each.learningRates?.[step - 1] ?? Number(options.lr)
    const grads = makeTensors(each, `g${step - 1}`, dtype, device)
    const lists = [params, grads, first].map(handles) as [number[], number[], number[]]
    const eps = number(options, 'eps', 1e-8)
    if (fn === 'sgd') {
      const dampening = number(options, 'dampening', 0)
      const nesterov = options.nesterov === true
      ops.sgd(...lists, params.length, nesterov, lr, momentum, dampening, weightDecay, step)
    } else if (fn === 'rmsProp') {
      const alpha = number(options, 'alpha', 0.99)
      const isCentered = options.centered === true
      const rest = [handles(second), handles(third)] as const
      ops.rmsProp(...lists, ...rest, params.length, isCentered, lr, alpha, eps, weightDecay, momentum)
    } else {
      const [beta1, beta2] = [number(options, 'beta1', 0.9), number(options, 'beta2', 0.999)]
      const rest = [handles(second), handles(third)] as const
      ops.adam(...lists, ...rest, params.length, fn === 'adamw', lr, beta1, beta2, eps, weightDecay, step)
    }
    for (const g of grads) g.dispose()
  }
  const result = await resultOf(params)
  for (const t of all) t.dispose()
  return result
}

function optimizer(each: UpdateCase, params: Tensor[]) {
  const { lr = 0, beta1 = 0.9, beta2 = 0.999, ...options } = each.options as { [key: string]: number }
  const betas: [number, number] = [beta1, beta2]
  if (each.fn === 'sgd') return new optim.SGD(params, { lr, ...options })
  if (each.fn === 'rmsProp') return new optim.RMSprop(params, { lr, ...options })
  if (each.fn === 'adamw') return new optim.AdamW(params, { lr, betas, ...options })
  return new optim.Adam(params, { lr, betas, ...options })
}

/** The class of lib/optim (or the clip function) on parameters whose `.grad` is set. */
export async function updateByClass(each: UpdateCase, dtype: ComputeType, device: DeviceName): Promise<Result> {
  const params = makeTensors(each, 'p', dtype, device).map((p) => p.requiresGrad_())
  const setGrads = (step: number) => {
    const grads = makeTensors(each, `g${step}`, dtype, device)
    params.forEach((p, i) => {
      p.grad = grads[i]!
      grads[i]!.dispose()
    })
  }
  let result: Result
  if (each.fn === 'clipGradNorm' || each.fn === 'clipGradValue') {
    setGrads(0)
    let norm: Tensor | undefined
    const { maxNorm, normType, clipValue } = each.options as { [key: string]: number }
    if (each.fn === 'clipGradNorm') norm = optim.clipGradNorm(params, maxNorm!, { normType: normType ?? 2 })
    else optim.clipGradValue(params, clipValue!)
    const grads = params.map((p) => p.grad!)
    result = await resultOf(grads, norm)
    for (const t of [...grads, ...(norm ? [norm] : [])]) t.dispose()
  } else {
    const rule = optimizer(each, params)
    for (let step = 0; step < each.steps; step++) {
      const lr = each.learningRates?.[step]
      if (lr !== undefined) rule.lr = lr
      setGrads(step)
      rule.step()
      rule.zeroGrad()
    }
    result = await resultOf(params)
    rule.dispose()
  }
  for (const p of params) p.dispose()
  return result
}
