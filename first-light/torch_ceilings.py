"""What PyTorch gets of the same GPU: copies (from page-locked and from other memory) and products. Arguments: MiB of a copy, n of a product.

Prints a line of JSON for each.
"""
import json
import sys
import time

import torch


def best(run, rounds=5):
    """Seconds of one run, as time.mjs measures them."""
    run()
    torch.cuda.synchronize()
    times, least, done = 1, float("inf"), 0
    while done < rounds:
        start = time.perf_counter()
        for _ in range(times):
            run()
        torch.cuda.synchronize()
        seconds = time.perf_counter() - start
        if seconds < 0.05 and times < 4096:
            times *= 2
            continue
        least = min(least, seconds / times)
        done += 1
    return least


def copies(mebibytes):
    count = mebibytes * 2**18
    device = torch.randn(count, device="cuda")
    target = torch.empty_like(device)
    pageable = torch.ones(count)
    pinned = torch.ones(count, pin_memory=True)
    moved = 4 * count
    for what, run, bytes_ in (
        ("copy on the device (read and written)", lambda: target.copy_(device), 2 * moved),
        ("host to device, page-locked", lambda: target.copy_(pinned, non_blocking=True), moved),
        ("host to device, pageable", lambda: target.copy_(pageable), moved),
        ("device to host, page-locked", lambda: pinned.copy_(device, non_blocking=True), moved),
    ):
        seconds = best(run)
        yield {"what": what, "mebibytes": mebibytes, "seconds": seconds, "gigabytesPerSecond": bytes_ / seconds / 1e9}


def products(n):
    for precision in ("bf16", "TF32", "float32"):
        torch.backends.cuda.matmul.allow_tf32 = precision == "TF32"
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        x, weight = (torch.randn(n, n, device="cuda", dtype=dtype) for _ in range(2))
        seconds = best(lambda: torch.nn.functional.linear(x, weight))
        yield {"what": "product", "precision": precision, "n": n, "seconds": seconds, "teraflops": 2 * n**3 / seconds / 1e12}


print(json.dumps({"what": "torch", "version": torch.__version__, "cuda": torch.version.cuda, "device": torch.cuda.get_device_name()}), flush=True)
for figures in (copies(int(sys.argv[1])), products(int(sys.argv[2]))):
    for each in figures:
        print(json.dumps(each), flush=True)
