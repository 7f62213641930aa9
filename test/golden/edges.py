"""Makes edges.json, the golden values of the edge suite: python edges.py edges.cases.json (from export-edges.ts).

For each row, computed in float64 and in float32: the outputs (y), the gradients (dx) of the differentiated inputs for
fixed gradients of the outputs (dy), and the gradients (ddx, ddy) of <dx, fixed numbers> for the inputs and for dy.
"""

import json
import math
import os
import sys

import torch
from functions import functions

here = os.path.dirname(os.path.abspath(__file__))
special = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "-0": -0.0}


def number(value):
    return special.get(value, value) if isinstance(value, str) else value


def decoded(value):
    if isinstance(value, list):
        return [decoded(each) for each in value]
    if isinstance(value, dict):
        return {key: decoded(each) for key, each in value.items()}
    return number(value)


def encoded(value, digits):
    if isinstance(value, bool):
        return int(value)
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else 0
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 2**53 else rounded


def numbers(x):
    return torch.zeros(x.numel()).tolist() if x._is_zerotensor() else x.detach().reshape(-1).tolist()


def fixed(values, like):
    """The listed numbers, repeated: test/support/edges.ts has the same."""
    flat = [values[i % len(values)] for i in range(like.numel())]
    return torch.tensor(flat, dtype=like.dtype).reshape(like.shape)


def resolve(value, inputs):
    if isinstance(value, str) and value.startswith("$"):
        return inputs[int(value[1:])]
    return [resolve(each, inputs) for each in value] if isinstance(value, list) else value


def run(row, dtype):
    inputs = []
    for spec in row["inputs"]:
        if spec is None:
            inputs.append(None)
            continue
        kind = {"int32": torch.int64, "bool": torch.bool}.get(spec.get("dtype"), dtype)
        shape = spec.get("shape", [len(spec["values"])])
        count = math.prod(shape)
        values = [spec["values"][i % len(spec["values"])] for i in range(count)]
        x = torch.tensor(values, dtype=kind).reshape(shape)
        inputs.append(x.requires_grad_() if kind == dtype and not spec.get("constant") else x)
    options = {key: resolve(value, inputs) for key, value in row.get("options", {}).items()}
    named = {value for value in json.dumps([row.get("options", {}), row.get("args", [])]).split('"') if value.startswith("$")}
    call = row.get("call") or [x for i, x in enumerate(inputs) if f"${i}" not in named] + row.get("args", [])
    result = functions[row["fn"]](*resolve(call, inputs), **options)
    y = result[0] if isinstance(result, (tuple, list)) else result
    digits = 12 if dtype == torch.float64 else 8
    found = {"y": y}
    leaves = [x for x in inputs if x is not None and x.requires_grad]
    order = row.get("order", 2)
    if order > 0:
        dy = fixed([1, -2, 0.5, 3], y).requires_grad_()
        dx = torch.autograd.grad(y, leaves, dy, create_graph=order > 1, allow_unused=True)
        dx = [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, dx)]
        found |= {f"dx{i}": g for i, g in enumerate(dx)}
    if order > 1:
        projection = sum((g * fixed([2, 1, -1], g)).sum() for g in dx)
        wanted = [*leaves, dy]
        second = [None] * len(wanted)
        if projection.requires_grad:
            second = torch.autograd.grad(projection, wanted, allow_unused=True)
        second = [torch.zeros_like(x) if g is None else g for x, g in zip(wanted, second)]
        found |= {f"ddx{i}": g for i, g in enumerate(second[:-1])} | {"ddy": second[-1]}
    return {part: [encoded(v, digits) for v in numbers(x)] for part, x in found.items()}


def main():
    with open(sys.argv[1]) as file:
        rows = decoded(json.load(file))
    golden = []
    for row in rows:
        try:
            golden.append({"float64": run(row, torch.float64), "float32": run(row, torch.float32)})
        except Exception as error:
            raise RuntimeError(json.dumps(row)) from error
    lines = ",\n".join(json.dumps(each, separators=(",", ":")) for each in golden)
    with open(os.path.join(here, "edges.json"), "w") as file:
        file.write(f'{{"torch":"{torch.__version__}","rows":[\n{lines}\n]}}\n')


main()
