// The op suite: every case on every device.
import { cases } from './ops.cases.js'
import { testOps } from './support/op-suite.js'

testOps(cases)
