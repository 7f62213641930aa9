// The package through require().
const cnn = require('node-cudnn')
const { tenSteps } = require('./ten-steps.cjs')

tenSteps(cnn).then(console.log, (error) => {
  console.error(error)
  process.exitCode = 1
})
