"""Makes own-optimizers.json with PyTorch: the losses of Lion and Muon as their papers write them. Run: python own-optimizers.py"""

import json
import os

import torch

torch.set_default_dtype(torch.float64)
rows, features, hidden, out = 24, 6, 8, 3


def waves(*shape, scale=1.0, phase=0.0):
    count = torch.Size(shape).numel()
    return (torch.sin(torch.arange(count) * 1.7 + phase) * scale).reshape(shape)


def lion(p, state, lr, betas=(0.9, 0.99), decay=0.1):
    m = state.setdefault(id(p), torch.zeros_like(p))
    direction = (betas[0] * m + (1 - betas[0]) * p.grad).sign()
    p.data.mul_(1 - lr * decay).sub_(lr * direction)
    m.mul_(betas[1]).add_(p.grad, alpha=1 - betas[1])


def muon(p, state, lr, momentum=0.95, decay=0.01):
    m = state.setdefault(id(p), torch.zeros_like(p))
    m.mul_(momentum).add_(p.grad)
    x = p.grad + momentum * m
    is_tall = x.shape[0] > x.shape[1]
    x = x.T if is_tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    x = x.T if is_tall else x
    p.data.mul_(1 - lr * decay).sub_(lr * max(1, p.shape[0] / p.shape[1]) ** 0.5 * x)


def train(update, lr, epochs=6, steps=4):
    x, y = waves(rows, features), waves(rows, out, phase=0.5)
    params = [waves(hidden, features, scale=0.4, phase=1), waves(out, hidden, scale=0.4, phase=2)]
    for p in params:
        p.requires_grad_()
    state, losses = {}, []
    for epoch in range(epochs):
        for _ in range(steps):
            loss = ((torch.tanh(x @ params[0].T) @ params[1].T - y) ** 2).mean()
            for p in params:
                p.grad = None
            loss.backward()
            losses.append(loss.item())
            with torch.no_grad():
                for p in params:
                    update(p, state, lr if epoch < 3 else lr / 10)
    return losses


out_file = os.path.join(os.path.dirname(os.path.abspath(__file__)), "own-optimizers.json")
with open(out_file, "w") as file:
    json.dump({"torch": torch.__version__, "lion": train(lion, 1e-2), "muon": train(muon, 0.02)}, file, indent=1)
    file.write("\n")
