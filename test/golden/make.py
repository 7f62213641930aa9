"""Makes the golden values of the op suite with PyTorch, in float64: python make.py cases.json (from export.ts).

For each case one file of its family gets, under the hash of its name: outputs y0…, gradients dx0… of the inputs (for
the generator's gradient of each output) and m0… (inputs that the call overwrites). Floats are stored as float32.
"""

import json
import os
import sys

import numpy as np
import torch
from functions import functions, optimizer
from generator import generate, output_gradient, sampled, text_hash
from safetensors.numpy import save_file

here = os.path.dirname(os.path.abspath(__file__))
torch.set_default_dtype(torch.float64)
dtypes = {"float32": torch.float64, "int32": torch.int64, "bool": torch.bool}


def resolve(value, inputs):
    if isinstance(value, str) and value.startswith("$"):
        return inputs[int(value[1:])]
    if isinstance(value, list):
        return [resolve(each, inputs) for each in value]
    return value


def stored(tensor):
    array = tensor.detach().numpy()
    kind = array.dtype.kind
    kept = array.astype(np.float32 if kind == "f" else np.int32 if kind == "i" else np.bool_)
    return np.ascontiguousarray(sampled(kept))


def run(case):
    """The golden tensors of a case by their key."""
    inputs = []
    for i, spec in enumerate(case["inputs"]):
        if spec is None:
            inputs.append(None)
            continue
        tensor = torch.from_numpy(generate(spec, f"{case['name']}/{i}")).to(dtypes[spec["dtype"]])
        inputs.append(tensor.requires_grad_(i in case["grad"]))
    args = resolve(case["call"], inputs)
    options = {name: resolve(value, inputs) for name, value in case["options"].items()}
    result = functions[case["fn"]](*args, **options)
    outputs = list(result) if isinstance(result, (tuple, list)) else [result]
    found = {f"y{i}": y for i, y in enumerate(outputs)}
    found.update({f"m{i}": inputs[i] for i in case["mutates"]})
    floats = [(i, y) for i, y in enumerate(outputs) if y.dtype == torch.float64 and y.requires_grad]
    if case["grad"]:
        dys = [torch.from_numpy(output_gradient(case["name"], i, y.shape)) for i, y in floats]
        wanted = [inputs[i] for i in case["grad"]]
        gradients = torch.autograd.grad([y for _, y in floats], wanted, dys, allow_unused=True)
        for i, g in zip(case["grad"], gradients):
            found[f"dx{i}"] = torch.zeros_like(inputs[i]) if g is None else g
    return found


def values(name, i, case):
    scale = case.get("scale", 2)
    spec = {"shape": case["shapes"][i], "dtype": "float32", "kind": "uniform", "low": -2, "high": 2}
    return torch.from_numpy(generate(spec, f"{case['name']}/{name}/{i}")) * (scale / 2)


def update(case):
    """The parameters (or clipped gradients) after all steps."""
    fn, options = case["fn"], {k: float("inf") if v == "inf" else v for k, v in case["options"].items()}
    count = range(len(case["shapes"]))
    params = [values("p", i, case).requires_grad_() for i in count]
    if fn.startswith("clip"):
        for i, p in zip(count, params):
            p.grad = values("g0", i, case)
        found = {}
        if fn == "clipGradNorm":
            norm = torch.nn.utils.clip_grad_norm_(params, options["maxNorm"], options.get("normType", 2))
            found["norm"] = norm
        else:
            torch.nn.utils.clip_grad_value_(params, options["clipValue"])
        return found | {f"y{i}": p.grad for i, p in enumerate(params)}
    rule = optimizer(fn, params, options)
    for step in range(case["steps"]):
        if "learningRates" in case:
            rule.param_groups[0]["lr"] = case["learningRates"][step]
        for i, p in zip(count, params):
            p.grad = values(f"g{step}", i, case)
        rule.step()
    return {f"y{i}": p for i, p in enumerate(params)}


def main():
    with open(sys.argv[1]) as file:
        given = json.load(file)
    files = {}
    for case in given["cases"] + [{**case, "family": "update"} for case in given["updates"]]:
        try:
            found = update(case) if case["family"] == "update" else run(case)
        except Exception as error:
            raise RuntimeError(case["name"]) from error
        arrays, shapes = files.setdefault(case["family"], ({}, {}))
        key = f"{text_hash(case['name']):08x}"
        if f"{key}/y0" in arrays:
            raise RuntimeError(f"two names share a hash: {case['name']}")
        for part, tensor in found.items():
            kept = stored(tensor)
            arrays[f"{key}/{part}"] = kept
            if kept.shape != tuple(tensor.shape):
                shapes[f"{key}/{part}"] = list(tensor.shape)
    for family, (arrays, shapes) in files.items():
        golden = {"torch": torch.__version__, "shapes": shapes}  # in one entry, whose place in the file is certain
        metadata = {"golden": json.dumps(golden, separators=(",", ":"), sort_keys=True)}
        save_file(arrays, os.path.join(here, f"{family}.safetensors"), metadata)


main()
