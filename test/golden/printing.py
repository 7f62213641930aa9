"""Makes printing.json with PyTorch: the values of tensors as it prints them. Run: python printing.py"""

import json
import os

import torch

nan, inf = float("nan"), float("inf")


def waves(*shape, scale=1.0):
    count = torch.Size(shape).numel()
    return (torch.sin(torch.arange(count, dtype=torch.float64) * 1.7) * scale).to(torch.float32).reshape(shape)


def counted(*shape, dtype=torch.int32):
    return torch.arange(torch.Size(shape).numel()).reshape(shape).to(dtype)


cases = {
    "a scalar": torch.tensor(3.5),
    "a whole scalar": torch.tensor(-2.0),
    "a vector": waves(5),
    "a vector of whole numbers": torch.tensor([1.0, -20.0, 300.0]),
    "a matrix": waves(3, 4),
    "more dimensions": waves(2, 2, 3),
    "images": waves(1, 2, 2, 2),
    "a long row": waves(25),
    "small and large": torch.tensor([1e-5, 1.0, 2.5]),
    "whole and large": torch.tensor([1.0, 20000.0]),
    "large": torch.tensor([123456789.0, 3e9]),
    "very small": torch.tensor([1.5e-12, 0.0]),
    "not finite": torch.tensor([nan, inf, -inf, 1.5]),
    "nothing finite": torch.tensor([nan, inf]),
    "zeros": torch.zeros(2, 3),
    "negative zero": torch.tensor([-0.0, 1.5]),
    "integers": counted(3, 4),
    "negative integers": counted(2, 3) - 4,
    "bytes": torch.tensor([0, 17, 255], dtype=torch.uint8),
    "bool": torch.tensor([[True, False], [False, True]]),
    "float64": torch.tensor([0.123456789, 12.0], dtype=torch.float64),
    "nothing": torch.zeros(0),
    "no rows": torch.zeros(2, 0),
    "1000 elements": counted(10, 100),
    "more than 1000 elements": waves(40, 30),
    "a long vector": counted(1001),
    "long and short axes": waves(4, 300, 2),
    "a batch of images": waves(8, 3, 32, 32),
}


def values(tensor):
    text = str(tensor)
    for end in (", dtype=", ", size="):
        text = text.split(end)[0]
    return text.removeprefix("tensor(").removesuffix(")").replace("True", "true").replace("False", "false")


golden = {
    name: {
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "shape": list(tensor.shape),
        "text": values(tensor),
    }
    for name, tensor in cases.items()
}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "printing.json"), "w") as file:
    json.dump({"torch": torch.__version__, "cases": golden}, file, indent=0)
    file.write("\n")
