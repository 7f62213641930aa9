// ResNet, ResNeXt-50, SE-ResNet-50 and MobileNet V2 beside PyTorch: names, logits, loss, gradients.
import test from 'ava'
import { models } from '../../lib/index.js'
import { checkModel, type ModelRow } from '../support/model-golden.js'

// Small pictures leave 2 to 8 values a channel in the last stage. PyTorch's own float32 gradients differ from its float64 ones by 6e-6
// in ResNet-18, but by 1.6e-4 in ResNet-34, 2.5e-3 in SE-ResNet-50, 1.6e-2 to 2.5e-2 in the three others: those are compared exactly.
const rows: ModelRow[] = [
  { name: 'resnet18', make: () => models.resnet18({ numClasses: 10 }) },
  { name: 'resnet34', make: () => models.resnet34({ numClasses: 10 }), isExact: true },
  { name: 'resnet50', make: () => models.resnet50({ numClasses: 10 }), isExact: true },
  { name: 'resnext50', make: () => models.resnext50({ numClasses: 10 }), isExact: true },
  { name: 'seresnet50', make: () => models.seresnet50({ numClasses: 10 }), isExact: true },
  { name: 'mobilenet-v2', make: () => models.mobilenetV2({ numClasses: 10, dropout: 0 }), isExact: true },
]

for (const row of rows) test.serial(`${row.name} computes what PyTorch's does`, (t) => checkModel(t, row))
