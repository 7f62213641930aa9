// MobileNet V1, Xception, NASNet-A and AmoebaNet-A beside PyTorch: names, logits, loss, gradients.
import test from 'ava'
import { models } from '../../lib/index.js'
import { checkModel, type ModelRow } from '../support/model-golden.js'

const rows: ModelRow[] = [
  // PyTorch's float32 gradients differ from its float64 ones by 6e-5 here, and by 6e-3 for four pictures of 96×96.
  { name: 'mobilenet-v1', make: () => models.mobilenetV1({ numClasses: 10 }), isExact: true },
  { name: 'xception', make: () => models.xception({ numClasses: 10 }), isExact: true },
  {
    name: 'nasnet-a-large',
    make: () => models.nasnetALarge({ numClasses: 10, channels: 8, stemChannels: 8 }),
    isExact: true,
  },
  {
    name: 'nasnet-a-mobile',
    make: () => models.nasnetAMobile({ numClasses: 10, channels: 8, stemChannels: 6, cells: 1 }),
    isExact: true,
  },
  {
    name: 'amoebanet-a',
    make: () => models.amoebanetA({ numClasses: 10, channels: 10, stemChannels: 6, cells: 1 }),
    isExact: true,
  },
]

for (const row of rows) test.serial(`${row.name} computes what PyTorch's does`, (t) => checkModel(t, row))
