"""The CIFAR-10 network of experiment 11 in PyTorch: the same files, normalisation, batches, optimizer and schedule.

Prints one line of JSON for each seed. With --record the figures go into a JSON file that the experiment shows; with
--state a run that was stopped goes on after its last whole epoch:

    python cifar_torch.py --data FOLDER --seeds 1 2 --record examples/11-cifar10.pytorch.json
"""

import argparse
import hashlib
import json
import pathlib
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from record import record

MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)


def network():
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


def read(folder, names):
    records = np.concatenate([np.fromfile(folder / name, np.uint8).reshape(-1, 3073) for name in names])
    x = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy())
    return x, torch.from_numpy(records[:, 0].astype(np.int64))


def normalised(x):
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (x.float() / 255 - mean) / std


def accuracy(net, x, y):
    net.eval()
    with torch.no_grad():
        right = sum(
            (net(normalised(x[i : i + 500])).argmax(1) == y[i : i + 500]).sum().item() for i in range(0, len(x), 500)
        )
    return right / len(x)


def run(seed, train, test, args):
    torch.manual_seed(seed)
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=args.momentum)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)
    x, y = train
    parts = {"net": net, "optimizer": optimizer, "scheduler": scheduler}
    first, before, total = 0, 0.0, 0.0
    if args.state and args.state.exists():
        state = torch.load(args.state)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        first, before, total = state["epochs"], state["seconds"], state["total"]
        torch.set_rng_state(state["random"])
    start = time.perf_counter() - before
    for epoch in range(first, args.epochs):
        net.train()
        total = 0.0
        for indices in torch.randperm(len(x)).split(args.batch):
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(normalised(x[indices])), y[indices])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(indices)
        scheduler.step()
        if args.state:
            state = {name: part.state_dict() for name, part in parts.items()} | {"random": torch.get_rng_state()}
            state |= {"epochs": epoch + 1, "seconds": time.perf_counter() - start, "total": total}
            torch.save(state, args.state)
        print(f"seed {seed} epoch {epoch + 1} loss {total / len(x):.4f} {time.perf_counter() - start:.0f} s", flush=True)
    seconds = time.perf_counter() - start
    result = {"seed": seed, "accuracy": accuracy(net, *test), "loss": total / len(x), "seconds": round(seconds, 1)}
    print(json.dumps(result), flush=True)
    return result


def picture_by_picture(epochs, test):
    """Batch size 1, SGD 0.01, the test pictures from 0 to 1 in their order: the sum of the losses of each epoch."""
    torch.manual_seed(1)
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    x, y = test
    sums = []
    for _ in range(epochs):
        total = 0.0
        for i in range(len(x)):
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(x[i : i + 1].float() / 255), y[i : i + 1])
            loss.backward()
            optimizer.step()
            total += loss.item()
        sums.append(round(total, 1))
        print(f"picture by picture, epoch {len(sums)}: {total:.1f}", flush=True)
    return sums


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="the folder that holds cifar-10-batches-bin/")
    parser.add_argument("--seeds", type=int, nargs="*", default=[1])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--state", type=pathlib.Path, help="a file for the state after each epoch, of one seed")
    parser.add_argument("--picture-by-picture", type=int, default=0, help="epochs of the first part; alone with --seeds")
    parser.add_argument("--record", type=pathlib.Path, help="a JSON file; runs of other seeds in it are kept")
    args = parser.parse_args()
    if args.state and len(args.seeds) > 1:
        parser.error("--state takes one seed")
    torch.set_num_threads(args.threads)
    folder = args.data / "cifar-10-batches-bin"
    train = read(folder, [f"data_batch_{i}.bin" for i in range(1, 6)])
    test = read(folder, ["test_batch.bin"])
    test_md5 = hashlib.md5((folder / "test_batch.bin").read_bytes()).hexdigest()
    settings = {name: getattr(args, name) for name in ("epochs", "batch", "lr", "momentum")}
    settings |= {"schedule": "cosine, a step an epoch", "torch": torch.__version__, "threads": args.threads}
    if args.picture_by_picture:
        sums = picture_by_picture(args.picture_by_picture, test)
        if args.record:
            record(args.record, settings, test_md5, pictureByPicture=sums)
    for seed in args.seeds:
        result = run(seed, train, test, args)
        if args.record:
            record(args.record, settings, test_md5, run=result)


if __name__ == "__main__":
    main()
