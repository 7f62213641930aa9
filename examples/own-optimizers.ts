// Two optimizers written with nothing but the package's public parts, Lion and Muon, and a run of each: what a class of one's own has to say
// so that it trains the same op by op, compiled, and in a Trainer.
import { pathToFileURL } from 'node:url'
import { functional, manualSeed, nn, optim, randint, randn, type Tensor, Trainer, ValueError } from '../lib/index.js'

export interface LionOptions extends optim.GroupOptions {
  /** How much of the momentum goes into the step, and how much of it is kept. Default [0.9, 0.99]. */
  betas: readonly [number, number]
  /** Decay of the parameter per lr, apart from the gradient. Default 0. */
  weightDecay: number
}

/**
 * Lion: the sign of a momentum, so every element moves by lr. lr is 1e-4 by default.
 * @see https://arxiv.org/abs/2302.06675 (Chen and others: Symbolic Discovery of Optimization Algorithms)
 */
export class Lion extends optim.Optimizer<LionOptions> {
  constructor(params: optim.Params<LionOptions>, options: Partial<LionOptions> = {}) {
    const { lr = 1e-4, betas = [0.9, 0.99], weightDecay = 0 } = options
    super(params, { lr, betas, weightDecay })
  }

  protected override check({ lr, betas, weightDecay }: LionOptions): void {
    const isRate = (beta: number) => beta >= 0 && beta < 1
    if (!(lr >= 0 && weightDecay >= 0 && betas.every(isRate))) {
      throw new ValueError(`Lion: lr ${lr}, betas ${betas}, weightDecay ${weightDecay}, expected rates of at least 0`)
    }
  }

  /** A tensor of the parameter's shape, zeros at first; checkpoints keep it. */
  protected override stateNames(): readonly string[] {
    return ['expAvg']
  }

  protected override update(options: LionOptions, bucket: optim.Bucket): void {
    // What a schedule changes is asked for at each step, also where the step is compiled.
    const lr = this.scalar(bucket, (now) => now.lr)
    const kept = this.scalar(bucket, (now) => 1 - now.lr * now.weightDecay)
    // Plain numbers will do for what hardly ever changes: the step is recorded anew where it does.
    const [beta1, beta2] = options.betas
    for (const [i, param] of bucket.params.entries()) {
      const grad = bucket.grads[i]!
      const { expAvg } = bucket.states[i]!.tensors as { expAvg: Tensor }
      const direction = expAvg
        .mul(beta1)
        .add(grad.mul(1 - beta1))
        .sign()
      param.copy_(param.mul(kept).sub(direction.mul(lr)))
      expAvg.copy_(expAvg.mul(beta2).add(grad.mul(1 - beta2)))
    }
  }
}

export interface MuonOptions extends optim.GroupOptions {
  /** Default 0.95. */
  momentum: number
  /** Default true. */
  nesterov: boolean
  /** Decay of the parameter per lr, apart from the gradient. Default 0. */
  weightDecay: number
  /** Iterations of Newton and Schulz. Default 5. */
  iterations: number
}

/** The nearest matrix with orthogonal rows or columns, roughly: [rows, columns] → the same, singular values near 1. */
function orthogonalised(matrix: Tensor, iterations: number): Tensor {
  const isTall = matrix.shape[0]! > matrix.shape[1]!
  const wide = isTall ? matrix.transpose(0, 1) : matrix
  let x = wide.div(wide.square().sum().sqrt().add(1e-7))
  for (let i = 0; i < iterations; i++) {
    const gram = x.matmul(x.transpose(0, 1))
    const polynomial = gram.mul(-4.775).add(gram.matmul(gram).mul(2.0315))
    x = x.mul(3.4445).add(polynomial.matmul(x))
  }
  return isTall ? x.transpose(0, 1) : x
}

/**
 * Muon: momentum whose matrix is orthogonalised. For weights of two dimensions and more (a convolution's counts as [out, in · kernel]); biases and
 * norms belong to another optimizer. lr is 0.02 by default.
 * @see https://kellerjordan.github.io/posts/muon/ (Jordan and others: Muon, an optimizer for hidden layers)
 */
export class Muon extends optim.Optimizer<MuonOptions> {
  constructor(params: optim.Params<MuonOptions>, options: Partial<MuonOptions> = {}) {
    const { lr = 0.02, momentum = 0.95, nesterov = true, weightDecay = 0, iterations = 5 } = options
    super(params, { lr, momentum, nesterov, weightDecay, iterations })
    for (const { params: all } of this.paramGroups) {
      const flat = all.find(({ rank }) => rank < 2)
      if (flat) throw new ValueError(`Muon: got a parameter ${flat}, expected two dimensions or more`)
    }
  }

  protected override check({ lr, momentum, weightDecay }: MuonOptions): void {
    if (!(lr >= 0 && weightDecay >= 0 && momentum >= 0 && momentum < 1)) {
      throw new ValueError(
        `Muon: lr ${lr}, momentum ${momentum}, weightDecay ${weightDecay}, expected rates of at least 0`,
      )
    }
  }

  protected override stateNames(): readonly string[] {
    return ['momentumBuffer']
  }

  protected override update({ nesterov, iterations }: MuonOptions, bucket: optim.Bucket): void {
    const momentum = this.scalar(bucket, (now) => now.momentum)
    const kept = this.scalar(bucket, (now) => 1 - now.lr * now.weightDecay)
    for (const [i, param] of bucket.params.entries()) {
      const grad = bucket.grads[i]!
      const { momentumBuffer } = bucket.states[i]!.tensors as { momentumBuffer: Tensor }
      momentumBuffer.copy_(momentumBuffer.mul(momentum).add(grad))
      const direction = nesterov ? grad.add(momentumBuffer.mul(momentum)) : momentumBuffer
      const rows = param.shape[0]!
      const columns = param.size / rows
      const rate = this.scalar(bucket, ({ lr }) => lr * Math.sqrt(Math.max(1, rows / columns)))
      const step = orthogonalised(direction.reshape([rows, columns]), iterations).reshape([...param.shape])
      param.copy_(param.mul(kept).sub(step.mul(rate)))
    }
  }
}

async function main(): Promise<void> {
  manualSeed(0)
  const [x, y] = [randn([256, 16]), randint(0, 4, [256])]
  const loader = {
    length: 1,
    examples: 256,
    async *[Symbol.asyncIterator]() {
      yield { x: x.clone(), y: y.clone() }
    },
  }
  for (const make of [(p: Tensor[]) => new Lion(p, { lr: 1e-2 }), (p: Tensor[]) => new Muon(p)]) {
    const net = new nn.Sequential(
      new nn.Linear(16, 64, { bias: false }),
      new nn.ReLU(),
      new nn.Linear(64, 4, { bias: false }),
    )
    const optimizer = make(net.parameters())
    const scheduler = new optim.StepLR(optimizer, 3, { gamma: 0.1 })
    const trainer = new Trainer(net, { optimizer, scheduler, loss: functional.crossEntropy })
    const history = await trainer.fit(loader, { epochs: 6 })
    console.log(optimizer.constructor.name, history.map(({ loss }) => loss.toFixed(4)).join(' '))
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main()
