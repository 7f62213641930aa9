"""Makes training.json: the losses of 100 steps of the network in test/training-parity.test.ts, by PyTorch in float64.

Two data sets: synthetic images from the generator (the network with ReLU and max pooling), and Fashion-MNIST where Debian's
dataset-fashion-mnist has put it (with GELU and average pooling: thousands of equal background pixels cross a kink of
ReLU at the same time, so even PyTorch's own float32 and float64 runs part there by some percent).
"""

import gzip
import json
import os

import numpy as np
import torch
from generator import generate
from torch import nn

here = os.path.dirname(os.path.abspath(__file__))
folder = "/usr/share/datasets/fashion-mnist"
steps, batch = 100, 32
torch.set_default_dtype(torch.float64)


def uniform(name, shape, bound):
    spec = {"shape": list(shape), "dtype": "float32", "kind": "uniform", "low": -bound, "high": bound}
    return torch.from_numpy(generate(spec, name))


def network(side, activation, pooling):
    net = nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2),
        nn.BatchNorm2d(8),
        activation(),
        pooling(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        activation(),
        pooling(2),
        nn.Flatten(),
        nn.Linear(16 * (side // 4) ** 2, 10),
    )
    for name, parameter in net.named_parameters():
        if name.split(".")[0] in ("0", "4", "9"):
            parameter.data.copy_(uniform(f"training/{side}/{name}", parameter.shape, 0.125))
    return net


def synthetic(step):
    """One of ten random images with noise."""
    shape = [batch]
    labels = generate({"shape": shape, "dtype": "int32", "kind": "integers", "low": 0, "high": 10}, f"training/labels/{step}")
    images = uniform("training/images", (10, 1, 16, 16), 1)
    noise = uniform(f"training/noise/{step}", (batch, 1, 16, 16), 2)
    return images[labels.astype(np.int64)] + noise, torch.from_numpy(labels).long()


def fashion(step, cache={}):
    """Every 577th image, as float32 pixel / 255 rounded to float32."""
    if not cache:
        with gzip.open(f"{folder}/train-images-idx3-ubyte.gz") as file:
            cache["images"] = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
        with gzip.open(f"{folder}/train-labels-idx1-ubyte.gz") as file:
            cache["labels"] = np.frombuffer(file.read(), np.uint8, offset=8)
    chosen = (np.arange(batch) + step * batch) * 577 % 60000
    pixels = (cache["images"][chosen].astype(np.float32) / np.float32(255)).astype(np.float64)
    return torch.from_numpy(pixels), torch.from_numpy(cache["labels"][chosen].astype(np.int64))


def train(batches, *kind):
    net = network(*kind)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
    losses = []
    for step in range(steps):
        images, labels = batches(step)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(round(loss.item(), 7))
    return losses


result = {"torch": torch.__version__, "synthetic": train(synthetic, 16, nn.ReLU, nn.MaxPool2d)}
result["fashion"] = train(fashion, 28, nn.GELU, nn.AvgPool2d)
with open(os.path.join(here, "training.json"), "w") as file:
    json.dump(result, file)
    file.write("\n")
print(result["synthetic"][::10], result["fashion"][::10])
