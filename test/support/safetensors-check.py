# Prints as JSON what Python's safetensors sees in the file named first, and writes the file named second.
import json
import sys

import torch
from safetensors import safe_open
from safetensors.torch import save_file

source, target = sys.argv[1:3]
with safe_open(source, framework="pt") as f:
    tensors = {name: f.get_tensor(name) for name in f.keys()}
    metadata = f.metadata()
seen = {
    name: {"dtype": str(x.dtype), "shape": list(x.shape), "values": x.to(torch.float64).flatten().tolist()}
    for name, x in tensors.items()
}
print(json.dumps({"metadata": metadata, "tensors": seen}))
save_file(
    {
        "float32": torch.tensor([[1.5, -2.25, 3e-30]]),
        "float64": torch.tensor([0.1, 1e300], dtype=torch.float64),
        "float16": torch.tensor([0.5, 65504.0, -0.0], dtype=torch.float16),
        "bfloat16": torch.tensor([1.0, 3e38], dtype=torch.bfloat16),
        "int32": torch.tensor([-1, 2**31 - 1], dtype=torch.int32),
        "int64": torch.tensor([[-(2**31)], [7]], dtype=torch.int64),
        "uint8": torch.tensor([0, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(4.0),
        "empty": torch.zeros(0, 3),
    },
    target,
    metadata={"from": "python", "title": "Grüße"},
)
