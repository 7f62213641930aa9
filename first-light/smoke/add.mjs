// Two numbers: the device opens, computes and answers.
import { cnn, device, verdict } from '../smoke-check.mjs'

const sum = await cnn
  .tensor([1, 2, 3], { device })
  .add(cnn.tensor([10, 20, 30], { device }))
  .data()
verdict([...sum].join() === '11,22,33', { sum: [...sum] })
