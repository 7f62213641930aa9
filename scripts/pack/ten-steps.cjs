// Ten steps of training with the package that it is given; fails if the loss does not fall.
exports.tenSteps = async ({ manualSeed, nn, optim, functional: F, tensor, randn }) => {
  manualSeed(1)
  const net = new nn.Sequential(
    new nn.Conv2d(1, 8, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(8 * 28 * 28, 10),
  )
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.01 })
  const x = randn([16, 1, 28, 28])
  const y = tensor(
    Array.from({ length: 16 }, (_, i) => i % 10),
    { dtype: 'int32' },
  )
  const losses = []
  for (let step = 0; step < 10; step++) {
    optimizer.zeroGrad()
    const loss = F.crossEntropy(net.forward(x), y)
    loss.backward()
    optimizer.step()
    losses.push(await loss.item())
  }
  // NaN is not smaller than anything
  if (!(losses[9] < losses[0])) throw new Error(`the loss did not fall: ${losses.join(', ')}`)
  return `${losses[0].toFixed(3)} → ${losses[9].toFixed(3)}`
}
