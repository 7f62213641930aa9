// The package as an ES module.
import * as cnn from 'node-cudnn'
import { tenSteps } from './ten-steps.cjs'

console.log(await tenSteps(cnn))
