"""PyTorch as a contender of a race: speaks the lines that benchmarks/worker.ts describes.

torch_worker.py [nchw|nhwc|compile] [--device cuda] [--precision float32|tf32|bf16]

`nhwc` is channels-last, `compile` is torch.compile of it. Precisions are those of products and convolutions on a GPU: float32 throughout, factors
rounded to TF32, or autocast to bfloat16. Without --precision they are what PyTorch chooses.
"""
import argparse
import contextlib
import gc
import json
import os
import statistics
import sys
import time

import torch
from nets import NETS

parser = argparse.ArgumentParser()
parser.add_argument("mode", nargs="?", default="nchw", choices=["nchw", "nhwc", "compile"])
parser.add_argument("--device", default="cpu")
parser.add_argument("--precision", choices=["float32", "tf32", "bf16"])
options = parser.parse_args()
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "0")) or os.cpu_count())
on_gpu = options.device != "cpu"
if on_gpu:
    torch.backends.cudnn.benchmark = True
if options.precision:
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = options.precision == "tf32"


def autocast():
    if options.precision != "bf16":
        return contextlib.nullcontext()
    return torch.autocast(options.device.split(":")[0], dtype=torch.bfloat16)


def wait():
    if on_gpu:
        torch.cuda.synchronize()


def prepare(workload):
    name, kind, batch = workload.split(":")
    make, shape, classes = NETS[name]
    torch.manual_seed(0)
    net, x = make().to(options.device), torch.randn(int(batch), *shape, device=options.device)
    if options.mode != "nchw":
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    target = torch.randint(0, classes, (int(batch),), device=options.device)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4)
    net.train(kind == "train")
    if options.mode == "compile":
        torch._dynamo.reset()
    forward = torch.compile(net) if options.mode == "compile" else net

    def train():
        optimizer.zero_grad()
        with autocast():
            loss = torch.nn.functional.cross_entropy(forward(x), target)
        loss.backward()
        optimizer.step()

    def infer():
        with torch.no_grad(), autocast():
            forward(x)

    step = train if kind == "train" else infer
    step()
    step()
    wait()
    return step


def measure(step, seconds, count):
    wall, cpu = [], []
    end = time.perf_counter() + seconds
    while not wall or time.perf_counter() < end:
        start, used = time.perf_counter(), time.process_time()
        for _ in range(count):
            step()
        wait()
        cpu.append((time.process_time() - used) * 1e3 / count)
        wall.append((time.perf_counter() - start) * 1e3 / count)
    peak = torch.cuda.max_memory_allocated() if on_gpu else None
    return {"wall": statistics.median(wall), "cpu": statistics.median(cpu), "steps": len(wall) * count, "peak": peak}


def resident(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name + ":"))


step = None
for line in sys.stdin:
    verb, *words = line.split()
    try:
        if verb == "prep":
            step = None
            gc.collect()
            if on_gpu:
                torch.cuda.empty_cache()
            before = resident("VmRSS")
            step = prepare(words[0])
            answer = {"ok": 1, "version": torch.__version__, "grown": resident("VmHWM") - before}
        else:
            answer = measure(step, float(words[1]), int(words[2]) if len(words) > 2 else 1)
    except Exception as error:  # the race goes on without this workload
        answer = {"error": repr(error)[:300]}
    print(json.dumps(answer), flush=True)
