"""PyTorch (eager, plain NCHW or channels-last) as a contender of a race: speaks the lines that benchmarks/worker.ts describes."""
import json
import os
import statistics
import sys
import time

import torch
from nets import NETS

channels_last = sys.argv[1:] == ["nhwc"]
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "0")) or os.cpu_count())


def prepare(workload):
    name, kind, batch = workload.split(":")
    make, shape, classes = NETS[name]
    torch.manual_seed(0)
    net, x = make(), torch.randn(int(batch), *shape)
    if channels_last:
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    target = torch.randint(0, classes, (int(batch),))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4)
    net.train(kind == "train")

    def train():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), target).backward()
        optimizer.step()

    def infer():
        with torch.no_grad():
            net(x)

    step = train if kind == "train" else infer
    step()
    step()
    return step


def measure(step, seconds):
    wall, cpu = [], []
    end = time.perf_counter() + seconds
    while not wall or time.perf_counter() < end:
        start, used = time.perf_counter(), time.process_time()
        step()
        cpu.append((time.process_time() - used) * 1e3)
        wall.append((time.perf_counter() - start) * 1e3)
    return {"wall": statistics.median(wall), "cpu": statistics.median(cpu), "steps": len(wall)}


def resident(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name + ":"))


step = None
for line in sys.stdin:
    verb, *words = line.split()
    try:
        if verb == "prep":
            before = resident("VmRSS")
            step = prepare(words[0])
            answer = {"ok": 1, "version": torch.__version__, "grown": resident("VmHWM") - before}
        else:
            answer = measure(step, float(words[1]))
    except Exception as error:  # the race goes on without this workload
        answer = {"error": repr(error)[:300]}
    print(json.dumps(answer), flush=True)
