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


# name: constructor, (C, H, W), classes
NETS = {"cifar": (cifar, (3, 32, 32), 10), "lenet": (lenet, (1, 32, 32), 10)}

# The larger ones are torchvision's, where it is installed.
try:
    from torchvision import models

    NETS["resnet50"] = (models.resnet50, (3, 224, 224), 1000)
    NETS["resnet34"] = (models.resnet34, (3, 224, 224), 1000)
    NETS["mobilenetv2"] = (lambda: models.mobilenet_v2(dropout=0), (3, 224, 224), 1000)
    NETS["vgg16"] = (models.vgg16, (3, 224, 224), 1000)
except (ImportError, RuntimeError) as error:  # absent, or made for another torch
    print(f"torchvision's networks are left out: {error}", file=sys.stderr)
