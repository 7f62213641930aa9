"""Makes optim.json with PyTorch: parameters after some steps of each optimizer, clipped gradients. Run: python optim.py"""

import json
import os

import torch

torch.set_default_dtype(torch.float64)
shapes = [[3, 2], [4], [1]]
steps = 8


def values(shape, salt):
    n = int(torch.tensor(shape).prod())
    return [round(((i * 37 + salt * 101) % 83) / 41.5 - 1, 6) for i in range(n)]


def gradient(shape, param, step):
    return values(shape, 7 * param + 3 * step + 5)


optimizers = {
    "SGD": torch.optim.SGD,
    "Adam": torch.optim.Adam,
    "AdamW": torch.optim.AdamW,
    "RMSprop": torch.optim.RMSprop,
    "Adagrad": torch.optim.Adagrad,
    "Adadelta": torch.optim.Adadelta,
    "Adamax": torch.optim.Adamax,
    "NAdam": torch.optim.NAdam,
    "RAdam": torch.optim.RAdam,
}
cases = [
    ["SGD", {}],
    ["SGD", {"lr": 0.1, "weightDecay": 0.05}],
    ["SGD", {"lr": 0.1, "momentum": 0.9, "weightDecay": 0.05}],
    ["SGD", {"lr": 0.1, "momentum": 0.8, "dampening": 0.3}],
    ["SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weightDecay": 0.01}],
    ["Adam", {}],
    ["Adam", {"lr": 0.02, "betas": [0.8, 0.95], "eps": 1e-4, "weightDecay": 0.1}],
    ["Adam", {"lr": 0.02, "betas": [0.5, 0.6], "amsgrad": True}],
    ["AdamW", {}],
    ["AdamW", {"lr": 0.02, "weightDecay": 0.3}],
    ["AdamW", {"lr": 0.02, "betas": [0.5, 0.6], "amsgrad": True}],
    ["RMSprop", {}],
    ["RMSprop", {"lr": 0.02, "alpha": 0.9, "weightDecay": 0.1, "eps": 1e-4}],
    ["RMSprop", {"lr": 0.02, "momentum": 0.9}],
    ["RMSprop", {"lr": 0.02, "momentum": 0.7, "centered": True}],
    ["Adagrad", {}],
    ["Adagrad", {"lr": 0.1, "lrDecay": 0.2, "weightDecay": 0.1, "initialAccumulatorValue": 0.3, "eps": 1e-4}],
    ["Adadelta", {}],
    ["Adadelta", {"lr": 0.5, "rho": 0.7, "eps": 1e-3, "weightDecay": 0.1}],
    ["Adamax", {}],
    ["Adamax", {"lr": 0.02, "betas": [0.8, 0.95], "eps": 1e-3, "weightDecay": 0.1}],
    ["NAdam", {}],
    ["NAdam", {"lr": 0.02, "betas": [0.8, 0.95], "eps": 1e-4, "weightDecay": 0.1, "momentumDecay": 0.1}],
    ["NAdam", {"lr": 0.02, "weightDecay": 0.3, "decoupledWeightDecay": True}],
    ["RAdam", {}],
    ["RAdam", {"lr": 0.02, "betas": [0.5, 0.6], "eps": 1e-4, "weightDecay": 0.1}],
    ["RAdam", {"lr": 0.02, "betas": [0.8, 0.7], "weightDecay": 0.3, "decoupledWeightDecay": True}],
]


def snake(name):
    return "".join("_" + c.lower() if c.isupper() else c for c in name)


def torch_options(options):
    return {snake(k): tuple(v) if isinstance(v, list) else v for k, v in options.items()}


def params():
    return [torch.tensor(values(s, i)).reshape(s).requires_grad_() for i, s in enumerate(shapes)]


def run(name, options):
    """The second parameter has no gradient in the first two steps."""
    ps = params()
    optimizer = optimizers[name](ps, **torch_options(options))
    for step in range(steps):
        for i, p in enumerate(ps):
            p.grad = None if i == 1 and step < 2 else torch.tensor(gradient(shapes[i], i, step)).reshape(shapes[i])
        optimizer.step()
    return {"name": name, "options": options, "after": [p.detach().flatten().tolist() for p in ps]}


def run_groups():
    ps = params()
    optimizer = torch.optim.SGD([{"params": ps[:1]}, {"params": ps[1:], "lr": 0.5, "momentum": 0}], lr=0.1, momentum=0.9)
    for step in range(steps):
        for i, p in enumerate(ps):
            p.grad = torch.tensor(gradient(shapes[i], i, step)).reshape(shapes[i])
        optimizer.step()
    return [p.detach().flatten().tolist() for p in ps]


def clip(norm_type, max_norm):
    ps = params()
    for i, p in enumerate(ps):
        p.grad = torch.tensor(gradient(shapes[i], i, 0)).reshape(shapes[i])
    norm = torch.nn.utils.clip_grad_norm_(ps, max_norm, norm_type=norm_type)
    kind = "inf" if norm_type == float("inf") else norm_type
    return {"normType": kind, "maxNorm": max_norm, "norm": norm.item(), "grads": [p.grad.flatten().tolist() for p in ps]}


golden = {
    "torch": torch.__version__,
    "shapes": shapes,
    "start": [values(s, i) for i, s in enumerate(shapes)],
    "gradients": [[gradient(s, i, step) for i, s in enumerate(shapes)] for step in range(steps)],
    "cases": [run(*case) for case in cases],
    "groups": run_groups(),
    "clipGradNorm": [clip(2, 0.5), clip(2, 100), clip(1, 0.5), clip(float("inf"), 0.5)],
}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "optim.json"), "w") as file:
    json.dump(golden, file, indent=0)
    file.write("\n")
