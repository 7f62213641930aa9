// Optimizers whose update is one native op for all parameters of a bucket: its numbers are fields of that op.
import { type Bucket, type GroupOptions, Optimizer } from './optimizer.js'

export abstract class NativeOptimizer<
  Options extends GroupOptions,
  Fields extends readonly number[],
> extends Optimizer<Options> {
  /**
   * Calls the op.
   * @internal
   */
  protected abstract call(options: Options, bucket: Bucket, fields: Fields): void

  /**
   * The op's dynamic fields at step `step`: the numbers that may change from step to step.
   * @internal
   */
  protected abstract fields(options: Options, step: number): Fields

  protected override update(_: Options, bucket: Bucket): void {
    const { options, step } = this.unobserved(bucket)
    this.call(options, bucket, this.fields(options, step))
    this.provide(bucket, (now, at) => this.fields(now, at))
  }
}
