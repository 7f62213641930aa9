"""The convolutional network of experiment 12 in PyTorch: the same pictures, augmentation, initial distributions,
optimizer and schedule.

    python cats_dogs_torch.py --data FOLDER --seeds 1 2 3 --record examples/12-cats-and-dogs.pytorch.json
"""

import argparse
import hashlib
import json
import pathlib
import time

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import nn
from torch.nn import functional

from record import record

SIZE = 64
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def network(widths=(16, 32, 64, 128)):
    layers, channels = [], 3
    for width in widths:
        layers += [
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
        channels = width
    side = SIZE // 2 ** len(widths)
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.5), nn.Linear(channels * side * side, 2))


def initialise(layer):
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    if isinstance(layer, nn.Linear):
        nn.init.xavier_normal_(layer.weight)
        nn.init.zeros_(layer.bias)


def picture(file):
    """uint8 [3, SIZE, SIZE]: scaled until it covers the square, and the middle of it."""
    image = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
    scale = SIZE / min(image.size)
    width, height = (max(SIZE, round(side * scale)) for side in image.size)
    left, top = round((width - SIZE) / 2), round((height - SIZE) / 2)
    image = image.resize((width, height), Image.Resampling.LANCZOS).crop((left, top, left + SIZE, top + SIZE))
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)


def read(folder):
    """Normalised pictures, classes and the files, in the order of their names."""
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
    files = [(file, label) for label, name in enumerate(classes) for file in sorted((folder / name).iterdir())]
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    x = (torch.stack([picture(file) for file, _ in files]).float() / 255 - mean) / std
    return x, torch.tensor([label for _, label in files]), [file for file, _ in files]


def augmented(x, padding=6):
    padded = functional.pad(x, [padding] * 4, mode="replicate")
    tops, lefts = (torch.randint(0, 2 * padding + 1, (len(x),)).tolist() for _ in range(2))
    crops = torch.stack([one[:, t : t + SIZE, s : s + SIZE] for one, t, s in zip(padded, tops, lefts)])
    return torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, crops.flip(3), crops)


def run(seed, train, test, args):
    torch.manual_seed(seed)
    net = network().apply(initialise)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    steps = args.epochs * (len(train[0]) // args.batch)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, total_steps=steps)
    x, y, _ = train
    start = time.perf_counter()
    net.train()
    for epoch in range(args.epochs):
        total, count = 0.0, 0
        for indices in torch.randperm(len(x)).split(args.batch):
            if len(indices) < args.batch:
                continue
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(augmented(x[indices])), y[indices])
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item() * len(indices)
            count += len(indices)
        if (epoch + 1) % 10 == 0:
            print(f"seed {seed} epoch {epoch + 1} loss {total / count:.4f}", flush=True)
    seconds = time.perf_counter() - start
    net.eval()
    with torch.no_grad():
        accuracy = (net(test[0]).argmax(1) == test[1]).float().mean().item()
    result = {"seed": seed, "accuracy": round(accuracy, 4), "loss": total / count, "seconds": round(seconds, 1)}
    print(json.dumps(result), flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="the folder that holds cats-vs-dogs/")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.003)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--record", type=pathlib.Path, help="a JSON file; runs of other seeds in it are kept")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train, test = (read(args.data / "cats-vs-dogs" / part) for part in ("train", "test"))
    test_md5 = hashlib.md5(b"".join(file.read_bytes() for file in test[2])).hexdigest()
    settings = {name: getattr(args, name) for name in ("epochs", "batch", "lr")}
    settings |= {"optimizer": "AdamW", "schedule": "one cycle", "torch": torch.__version__, "threads": args.threads}
    for seed in args.seeds:
        result = run(seed, train, test, args)
        if args.record:
            record(args.record, settings, test_md5, run=result)


if __name__ == "__main__":
    main()
