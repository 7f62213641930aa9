// AlexNet, DenseNet-121, GoogLeNet and VGG beside torchvision: names, logits, loss, gradients.
import test from 'ava'
import { models } from '../../lib/index.js'
import { checkModel, type ModelRow } from '../support/model-golden.js'

const numClasses = 10

const rows: ModelRow[] = [
  { name: 'alexnet', make: () => models.alexnet({ numClasses, hiddenUnits: 512, dropout: 0 }), isExact: true },
  { name: 'densenet121', make: () => models.densenet121({ numClasses }), isExact: true },
  { name: 'googlenet', make: () => models.googlenet({ numClasses, dropout: 0, dropoutAux: 0 }), isExact: true },
  { name: 'vgg11-bn', make: () => models.vgg11Bn({ numClasses, hiddenUnits: 256, dropout: 0 }), isExact: true },
  { name: 'vgg16', make: () => models.vgg16({ numClasses, hiddenUnits: 256, dropout: 0 }), isExact: true },
]

for (const row of rows) test.serial(`${row.name} computes what torchvision's does`, (t) => checkModel(t, row))
