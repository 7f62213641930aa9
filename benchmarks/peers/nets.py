"""The networks that benchmarks run, for PyTorch; benchmarks/nets.ts holds the same ones."""
import sys

from torch import nn


def cifar():
    return nn.Sequential(
        nn.Conv2d(3, 32, 5, padding=2),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 32, 5, padding=2),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1024, 64),
        nn.Linear(64, 10),
    )


def lenet():
    convolution = [nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(
        *convolution,
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def conv_norm(inputs, outputs, kernel=1, activation=None, **options):
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False, **options)
    return [convolution, nn.BatchNorm2d(outputs), *([activation(inplace=True)] if activation else [])]


class Residual(nn.Module):
    """y = activation(branch(x) + shortcut(x))."""

    def __init__(self, branch, shortcut=None, activation=None):
        super().__init__()
        self.branch = nn.Sequential(*branch)
        self.shortcut = nn.Sequential(*shortcut) if shortcut else nn.Identity()
        self.activation = activation(inplace=True) if activation else nn.Identity()

    def forward(self, x):
        return self.activation(self.branch(x) + self.shortcut(x))


def resnet50():
    """https://arxiv.org/abs/1512.03385, table 1; strides in the 3x3 convolutions, as in torchvision."""
    layers = [*conv_norm(3, 64, 7, nn.ReLU, stride=2), nn.MaxPool2d(3, stride=2, padding=1)]
    inputs = 64
    for width, count, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(count):
            stride = first if i == 0 else 1
            branch = [*conv_norm(inputs, width, 1, nn.ReLU), *conv_norm(width, width, 3, nn.ReLU, stride=stride)]
            branch += conv_norm(width, 4 * width)
            shortcut = conv_norm(inputs, 4 * width, stride=stride) if i == 0 else None
            layers.append(Residual(branch, shortcut, nn.ReLU))
            inputs = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


def mobilenetv2():
    """https://arxiv.org/abs/1801.04381, table 2; without dropout."""
    layers = conv_norm(3, 32, 3, nn.ReLU6, stride=2)
    inputs = 32
    for rate, outputs, count, first in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ):  # fmt: skip
        for i in range(count):
            stride, wide = first if i == 0 else 1, rate * inputs
            branch = conv_norm(inputs, wide, 1, nn.ReLU6) if rate > 1 else []
            branch += [*conv_norm(wide, wide, 3, nn.ReLU6, stride=stride, groups=wide), *conv_norm(wide, outputs)]
            layers += [Residual(branch)] if stride == 1 and inputs == outputs else branch
            inputs = outputs
    layers += conv_norm(320, 1280, 1, nn.ReLU6)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000))


# name: constructor, (C, H, W), classes
NETS = {
    "cifar": (cifar, (3, 32, 32), 10),
    "lenet": (lenet, (1, 32, 32), 10),
    "resnet50": (resnet50, (3, 224, 224), 1000),
    "mobilenetv2": (mobilenetv2, (3, 224, 224), 1000),
}

# Others are torchvision's, where it is installed.
try:
    from torchvision import models

    NETS["resnet34"] = (models.resnet34, (3, 224, 224), 1000)
    NETS["vgg16"] = (models.vgg16, (3, 224, 224), 1000)
except (ImportError, RuntimeError) as error:  # absent, or made for another torch
    print(f"torchvision's networks are left out: {error}", file=sys.stderr)
