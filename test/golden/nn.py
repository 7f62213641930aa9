"""Makes nn.json with PyTorch: names of state dicts, what modules put out for given weights, bounds of initial values. Run: python nn.py"""

import json
import os

import torch
from torch import nn

torch.set_default_dtype(torch.float64)


def values(shape, salt):
    n = 1
    for size in shape:
        n *= size
    return torch.tensor([round(((i * 37 + salt * 101) % 83) / 41.5 - 1, 6) for i in range(n)]).reshape(shape)


def filled(module):
    """Parameters by the rule that the test repeats."""
    with torch.no_grad():
        for i, p in enumerate(module.parameters()):
            p.copy_(values(p.shape, i))
    return module


class Block(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1), nn.BatchNorm2d(outputs))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.ModuleList([Block(3, 4), Block(4, 4)])
        self.fc = nn.Linear(4, 2)
        self.norm = nn.LayerNorm([2])
        self.plain = nn.InstanceNorm2d(4)
        self.tracked = nn.InstanceNorm2d(4, affine=True, track_running_stats=True)


def run(name, module, shapes, calls=1, training=True):
    """Output of the last call, gradient of the first input, and the state afterwards."""
    filled(module).train(training)
    for call in range(calls):
        inputs = [values(shape, 50 + 10 * call + i).requires_grad_() for i, shape in enumerate(shapes)]
        y = module(*inputs)
    y.backward(values(y.shape, 99))
    buffers = {k: v.flatten().tolist() for k, v in module.named_buffers()}
    dx = inputs[0].grad.flatten().tolist()
    return {"name": name, "y": y.detach().flatten().tolist(), "shape": list(y.shape), "dx": dx, "buffers": buffers}


golden = {
    "torch": torch.__version__,
    "stateDict": {k: list(v.shape) for k, v in Net().state_dict().items()},
    "parameters": [k for k, _ in Net().named_parameters()],
    "runs": [
        run("Conv2d", nn.Conv2d(2, 4, 3, padding=1, groups=2), [[2, 2, 4, 3]]),
        run("Conv2d circular", nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), [[1, 2, 4, 3]]),
        run("Conv1d same", nn.Conv1d(2, 3, 4, padding="same", dilation=2), [[2, 9]]),
        run("ConvTranspose2d", nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1, output_padding=1, groups=2), [[1, 4, 3, 2]]),
        run("ConvTranspose1d", nn.ConvTranspose1d(2, 3, 2, dilation=3, output_padding=2), [[1, 2, 4]]),
        run("Linear", nn.Linear(3, 2), [[4, 3]]),
        run("BatchNorm2d", nn.BatchNorm2d(3), [[2, 3, 2, 2]], 2),
        run("BatchNorm2d cumulative", nn.BatchNorm2d(3, momentum=None), [[2, 3, 2, 2]], 3),
        run("BatchNorm1d eval", nn.BatchNorm1d(3), [[4, 3]], 1, False),
        run("InstanceNorm2d", nn.InstanceNorm2d(3), [[3, 2, 2]]),
        run("InstanceNorm2d tracked", nn.InstanceNorm2d(3, affine=True, track_running_stats=True), [[2, 3, 2, 2]], 2),
        run("InstanceNorm2d eval", nn.InstanceNorm2d(3, affine=True, track_running_stats=True), [[2, 3, 2, 2]], 1, False),
        run("LayerNorm", nn.LayerNorm([3, 2]), [[2, 3, 2]]),
        run("LayerNorm no bias", nn.LayerNorm([3, 2], bias=False), [[2, 3, 2]]),
        run("GroupNorm", nn.GroupNorm(2, 4), [[2, 4, 3]]),
        run("LocalResponseNorm", nn.LocalResponseNorm(3, alpha=0.5), [[1, 4, 2, 2]]),
        run("MaxPool2d", nn.MaxPool2d(3, 2, padding=1), [[1, 2, 5, 4]]),
        run("AdaptiveAvgPool2d", nn.AdaptiveAvgPool2d((2, None)), [[1, 2, 5, 4]]),
        run("AdaptiveMaxPool2d", nn.AdaptiveMaxPool2d(2), [[1, 2, 4, 6]]),
        run("Upsample", nn.Upsample(scale_factor=2, mode="bilinear"), [[1, 2, 3, 2]]),
        run("ReflectionPad2d", nn.ReflectionPad2d((1, 0, 2, 1)), [[1, 2, 3, 3]]),
        run("BCEWithLogitsLoss", nn.BCEWithLogitsLoss(pos_weight=torch.tensor([0.5, 3.0])), [[3, 2], [3, 2]]),
    ],
}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "nn.json"), "w") as file:
    json.dump(golden, file, indent=0)
    file.write("\n")
