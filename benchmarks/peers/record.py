"""Writes what a run in PyTorch gave into the JSON file that an experiment shows (examples/support/peer.ts reads it)."""

import json
import platform


def processor():
    """The processor's name, as Linux tells it, and the system."""
    try:
        with open("/proc/cpuinfo") as info:
            name = next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.machine()
    return f"{name}, {platform.system()}"


def record(file, settings, test_md5, run=None, **more):
    """Adds the run of one seed, or other findings; those of other settings or other pictures are dropped."""
    head = {"settings": settings, "testMd5": test_md5, "machine": processor()}
    before = json.loads(file.read_text()) if file.exists() else {}
    if any(before.get(key) != value for key, value in head.items()):
        before = {}
    runs = before.get("runs", [])
    if run:
        runs = sorted([one for one in runs if one["seed"] != run["seed"]] + [run], key=lambda one: one["seed"])
    file.write_text(json.dumps(before | head | more | {"runs": runs}, indent=2) + "\n")
