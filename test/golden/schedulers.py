"""Makes schedulers.json with PyTorch: the learning rates (and momenta) of each schedule. Run: python schedulers.py"""

import json
import os
import warnings

import torch
from torch.optim import lr_scheduler as S

warnings.simplefilter("ignore")
metrics = [1, 0.9, 0.9, 0.95, 0.9, 0.91, 0.92, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.4, 0.4, 0.4, 0.4]


def optimizer(kind="SGD"):
    a, b = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    groups = [{"params": [a]}, {"params": [b], "lr": 0.02}]
    if kind == "SGD":
        return torch.optim.SGD(groups, lr=0.5, momentum=0.9)
    return torch.optim.Adam(groups, lr=0.5)


def follow(make, steps, kind="SGD", use_metrics=False):
    opt = optimizer(kind)
    scheduler = make(opt)
    made = scheduler if isinstance(scheduler, list) else [scheduler]
    rates, momenta = [], []
    for step in range(steps + 1):
        rates.append([g["lr"] for g in opt.param_groups])
        momenta.append(opt.param_groups[0]["momentum" if kind == "SGD" else "betas"])
        opt.step()
        if step < steps:
            for s in made:
                s.step(metrics[step]) if use_metrics else s.step()
    return {"rates": rates, "momenta": [m[0] if isinstance(m, tuple) else m for m in momenta]}


n = len(metrics)
golden = {
    "torch": torch.__version__,
    "metrics": metrics,
    "StepLR": follow(lambda o: S.StepLR(o, 3, 0.5), 10),
    "MultiStepLR": follow(lambda o: S.MultiStepLR(o, [2, 5, 5], 0.3), 8),
    "MultiStepLR from 0": follow(lambda o: S.MultiStepLR(o, [0, 0, 3], 0.3), 5),
    "ExponentialLR": follow(lambda o: S.ExponentialLR(o, 0.9), 6),
    "LambdaLR": follow(lambda o: S.LambdaLR(o, lambda e: 0.8**e), 6),
    "LinearLR": follow(lambda o: S.LinearLR(o), 8),
    "LinearLR down": follow(lambda o: S.LinearLR(o, 1.0, 0.1, 4), 6),
    "CosineAnnealingLR": follow(lambda o: S.CosineAnnealingLR(o, 5, 0.01), 23),
    "CosineAnnealingLR of one step": follow(lambda o: S.CosineAnnealingLR(o, 1, 0.7), 5),
    "OneCycleLR": follow(lambda o: S.OneCycleLR(o, 0.4, total_steps=12), 12),
    "OneCycleLR linear": follow(
        lambda o: S.OneCycleLR(
            o, [0.4, 0.1], epochs=3, steps_per_epoch=5, anneal_strategy="linear", three_phase=True, div_factor=10.0
        ),
        14,
        "Adam",
    ),
    "OneCycleLR plain": follow(
        lambda o: S.OneCycleLR(o, 0.4, total_steps=10, cycle_momentum=False, pct_start=0.5, final_div_factor=10), 9
    ),
    "OneCycleLR without warm-up": follow(lambda o: S.OneCycleLR(o, 0.4, total_steps=8, pct_start=0.0), 8),
    "SequentialLR": follow(
        lambda o: S.SequentialLR(o, [S.LinearLR(o, 0.1, 1.0, 4), S.CosineAnnealingLR(o, 6)], [4]), 12
    ),
    "SequentialLR of three": follow(
        lambda o: S.SequentialLR(o, [S.LinearLR(o), S.StepLR(o, 2, 0.5), S.ExponentialLR(o, 0.9)], [3, 8]), 12
    ),
    "SequentialLR from MultiStepLR at 0": follow(
        lambda o: S.SequentialLR(o, [S.MultiStepLR(o, [0, 2], 0.5), S.MultiStepLR(o, [0, 1], 0.1)], [3]), 6
    ),
    "two at once": follow(lambda o: [S.ExponentialLR(o, 0.9), S.MultiStepLR(o, [3], 0.1)], 6),
    "MultiStepLR at 0 over SequentialLR": follow(
        lambda o: [S.SequentialLR(o, [S.LinearLR(o), S.StepLR(o, 1, 0.5)], [2]), S.MultiStepLR(o, [0, 4], 3)], 6
    ),
    "MultiplicativeLR": follow(lambda o: S.MultiplicativeLR(o, lambda e: 0.9 if e % 2 else 1.1), 6),
    "ConstantLR": follow(lambda o: S.ConstantLR(o), 8),
    "ConstantLR for two steps": follow(lambda o: S.ConstantLR(o, 0.25, 2), 4),
    "PolynomialLR": follow(lambda o: S.PolynomialLR(o), 8),
    "PolynomialLR of a power": follow(lambda o: S.PolynomialLR(o, 7, 0.9), 9),
    "CosineAnnealingWarmRestarts": follow(lambda o: S.CosineAnnealingWarmRestarts(o, 4, eta_min=0.01), 13),
    "CosineAnnealingWarmRestarts longer": follow(lambda o: S.CosineAnnealingWarmRestarts(o, 2, 2), 16),
    "CyclicLR": follow(lambda o: S.CyclicLR(o, 0.1, 0.4, 3), 14),
    "CyclicLR halved": follow(
        lambda o: S.CyclicLR(o, [0.1, 0.2], [0.4, 0.9], 2, 5, "triangular2", base_momentum=0.7, max_momentum=0.95), 23
    ),
    "CyclicLR falling": follow(lambda o: S.CyclicLR(o, 0.1, 0.4, 4, mode="exp_range", gamma=0.97), 20, "Adam"),
    "CyclicLR of a function": follow(
        lambda o: S.CyclicLR(o, 0.1, 0.4, 3, scale_fn=lambda n: 1 / (1 + n), scale_mode="iterations", cycle_momentum=False),
        14,
    ),
    "ChainedScheduler": follow(lambda o: S.ChainedScheduler([S.ConstantLR(o, 0.1, 3), S.ExponentialLR(o, 0.9)]), 8),
    "SequentialLR of the new": follow(
        lambda o: S.SequentialLR(o, [S.ConstantLR(o, 0.5, 2), S.PolynomialLR(o, 4), S.CosineAnnealingWarmRestarts(o, 3)], [3, 8]),
        14,
    ),
    "ReduceLROnPlateau": follow(lambda o: S.ReduceLROnPlateau(o, patience=2), n, use_metrics=True),
    "ReduceLROnPlateau max": follow(
        lambda o: S.ReduceLROnPlateau(
            o, mode="max", factor=0.5, patience=1, threshold=0.01, threshold_mode="abs", cooldown=2, min_lr=0.05
        ),
        n,
        use_metrics=True,
    ),
}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "schedulers.json"), "w") as file:
    json.dump(golden, file, indent=0)
    file.write("\n")
