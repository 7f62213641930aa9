// The kinds of ops that a device computes by a detour, and why: by the plain loops of `reference` (cpu), or in float32 (halves on cuda).

/** Kind of op → reason; `sometimes`: only for some shapes, layouts or types of outputs. */
export interface Detours {
  always: Record<string, string>
  sometimes: Record<string, string>
}

const kinds = (names: string, reason: string): Record<string, string> =>
  Object.fromEntries(names.split(', ').map((name) => [name, reason]))

export const detours: { cpu: Detours; cuda: { float32: Detours; bfloat16: Detours } } = {
  cpu: {
    always: {
      ...kinds(
        'binary add int32, binary sub int32, binary mul int32, binary eq int32, binary ne int32, binary lt int32, binary le int32, binary gt int32, binary ge int32',
        'vector loops are of float32; integers are indices and counts',
      ),
      ...kinds(
        'binary logicalAnd bool, binary logicalOr bool, unary logicalNot bool, unary logicalNot float32, unary isnan float32',
        'no loop over bytes; no network has these in its steps',
      ),
      ...kinds(
        'adaptiveMaxPool float32, maxUnpool float32 int32, planeGather float32 int32',
        'rare; no network of the zoo has it',
      ),
      ...kinds('argReduce float32, oneHot int32, reduce prod float32', 'on small tensors: scores, labels, shapes'),
      ...kinds(
        'gather float32 int32, scatterAdd float32 int32, indexSelect float32 int32, indexAdd float32 int32',
        'bound by memory that is read here and there',
      ),
      ...kinds('flip float32, pad float32, padBackward float32', 'they move elements, once, as the plain loops do'),
      ...kinds('upsample float32, upsampleBackward float32', 'the plain loops serve so far'),
      ...kinds('maxPoolBackward float32 int32', 'of maxima whose state is a position: see maxPool'),
    },
    sometimes: {
      ...kinds('dropout float32', 'of whole channels'),
      ...kinds('fill', 'other types than float32'),
      ...kinds('slice float32, sliceBackward float32', 'with a step along the last axis'),
      ...kinds('maxPool float32', 'with positions as a result, or windows of more than 255 elements'),
    },
  },
  cuda: {
    float32: { always: {}, sometimes: {} },
    bfloat16: {
      always: kinds(
        'argReduce bfloat16, indexAdd bfloat16 int32, maxUnpool bfloat16 int32, scatterAdd bfloat16 int32',
        'the kernels add up, or compare, in float32 alone',
      ),
      sometimes: kinds(
        'batchNorm bfloat16, batchNormBackward bfloat16 float32, groupNorm bfloat16, groupNormBackward bfloat16 float32, layerNorm bfloat16, layerNormBackward bfloat16 float32',
        'the kernels take parameters in float32; those of bfloat16 are converted',
      ),
    },
  },
}
