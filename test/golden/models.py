"""Makes models/<name>.json: what networks of timm and torchvision compute for weights that the test repeats; and models/states.json:
the number of parameters, and the names and shapes of all tensors, of torchvision's networks in their full size.

Run: python models.py [name ...] (the second under the name `states`). Written with torch 2.13, torchvision 0.28 and timm 1.0, in float64. Every tensor of a network is
filled by the hash of generator.py from its dotted name, so that no weights are kept; see test/support/model-golden.ts."""

import json
import os
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import cells
from generator import fractions, text_hash, words

probes = 8


def timm_model(name, **options):
    def make():
        import timm

        return timm.create_model(name, num_classes=10, **options)

    return make


def torchvision_model(name, hidden=None, **options):
    """With `hidden`, the two hidden fully connected layers have so few units: the layers are the same, the weights far fewer."""

    def make():
        import torchvision

        net = getattr(torchvision.models, name)(num_classes=10, **options)
        if hidden:
            first, second, last = (layer for layer in net.classifier if isinstance(layer, nn.Linear))
            slim = iter([nn.Linear(first.in_features, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, 10)])
            net.classifier = nn.Sequential(*(next(slim) if isinstance(m, nn.Linear) else m for m in net.classifier))
        return net

    return make


# name: (constructor, shape of the input)
rows = {
    "alexnet": (torchvision_model("alexnet", hidden=512), [2, 3, 63, 63]),
    "densenet121": (torchvision_model("densenet121"), [4, 3, 64, 64]),
    "googlenet": (torchvision_model("googlenet", init_weights=False), [4, 3, 48, 48]),
    "vgg11-bn": (torchvision_model("vgg11_bn", hidden=256), [4, 3, 32, 32]),
    "vgg16": (torchvision_model("vgg16", hidden=256), [2, 3, 32, 32]),
    "mobilenet-v1": (timm_model("mobilenetv1_100"), [2, 3, 64, 64]),
    "xception": (timm_model("legacy_xception"), [2, 3, 96, 96]),
    "nasnet-a-large": (timm_model("nasnetalarge", num_features=192, stem_size=8), [2, 3, 64, 64]),
    "nasnet-a-mobile": (lambda: cells.network(cells.nasnet, filters=8, stem=6, number=1), [2, 3, 71, 64]),
    "mobilenet-v2": (torchvision_model("mobilenet_v2"), [2, 3, 64, 64]),
    "resnet18": (torchvision_model("resnet18"), [2, 3, 64, 64]),
    "resnet34": (torchvision_model("resnet34"), [2, 3, 33, 32]),
    "resnet50": (torchvision_model("resnet50"), [2, 3, 48, 40]),
    "resnext50": (torchvision_model("resnext50_32x4d"), [2, 3, 48, 40]),
    "seresnet50": (timm_model("legacy_seresnet50", drop_rate=0.0), [2, 3, 48, 40]),
    "amoebanet-a": (lambda: cells.network(cells.amoebanet, filters=10, stem=6, number=1), [2, 3, 71, 64]),
}

# torchvision's networks of which names and sizes are kept
full = ["alexnet", "densenet121", "googlenet", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"]


def fill(name, tensor):
    """Every value is bound·(2u − 1) + centre with u of the tensor's name, rounded to float32."""
    kind = name.rsplit(".", 1)[-1]
    if kind == "num_batches_tracked":
        return torch.zeros_like(tensor)
    bound, centre = 0.1, 0.0
    if tensor.ndim > 1:
        fan_in = tensor[0].numel()
        bound = (6 / fan_in) ** 0.5 if tensor.ndim > 2 else (3 / fan_in) ** 0.5
    elif kind == "weight":
        bound, centre = 0.2, 1.0
    elif kind == "running_var":
        bound, centre = 0.3, 1.0
    u = fractions(text_hash(name), tensor.numel())
    values = (bound * (2 * u - 1) + centre).astype(np.float32).astype(np.float64)
    return torch.tensor(values).reshape(tensor.shape)


def signs(name, n):
    """[probes, n] of ±1: bit k of word i."""
    bits = words(text_hash(name + "/probe"), 0, n)
    return np.stack([1 - 2 * ((bits >> np.uint32(k)) & np.uint32(1)).astype(np.float64) for k in range(probes)])


def golden(make, shape):
    net = make().double()
    state = net.state_dict()
    for name, tensor in state.items():
        tensor.copy_(fill(name, tensor))
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    n = int(np.prod(shape))
    x = torch.tensor((3.4 * fractions(text_hash("input"), n) - 1.7).astype(np.float32).astype(np.float64)).reshape(shape)
    with torch.no_grad():
        logits = net.eval()(x)
    targets = torch.arange(shape[0]) * 3 % 10
    loss = loss_of(net.train()(x), targets)
    loss.backward()
    gradients = {}
    for name, parameter in net.named_parameters():
        g = parameter.grad.numpy().reshape(-1)
        gradients[name] = [short(np.linalg.norm(g))] + [short(v) for v in signs(name, g.size) @ g]
    return {
        "torch": torch.__version__,
        "shape": shape,
        "state": names_of(net),
        "logits": [short(v) for v in logits.numpy().reshape(-1)],
        "loss": loss.item(),
        "gradients": gradients,
    }


def names_of(net):
    """How many tensors there are, and a hash of their names and shapes."""
    lines = sorted(f"{name} {','.join(str(size) for size in tensor.shape)}" for name, tensor in net.state_dict().items())
    return {"count": len(lines), "hash": text_hash("\n".join(lines))}


def states():
    import torchvision

    found = {}
    for name in full:
        options = {"init_weights": False} if name == "googlenet" else {}
        with torch.device("meta"):
            net = getattr(torchvision.models, name)(**options)
        found[name] = {"params": sum(parameter.numel() for parameter in net.parameters()), **names_of(net)}
    return found


def loss_of(output, targets):
    """Cross-entropy; of GoogLeNet's auxiliary classifiers as well, 0.3 times."""
    if isinstance(output, torch.Tensor):
        return F.cross_entropy(output, targets)
    main, *auxiliary = (F.cross_entropy(logits, targets) for logits in output)
    return main + 0.3 * sum(auxiliary)


def short(value):
    return float(f"{value:.8g}")


if __name__ == "__main__":
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "models")
    os.makedirs(folder, exist_ok=True)
    for name in sys.argv[1:] or [*rows, "states"]:
        with open(os.path.join(folder, f"{name}.json"), "w") as file:
            json.dump(states() if name == "states" else golden(*rows[name]), file, separators=(",", ":"))
            file.write("\n")
        print(name)
