"""Deterministic test data: repeats test/support/generator.ts bit for bit (see there for what each kind means)."""

import numpy as np


def text_hash(key):
    h = 0x811C9DC5
    for character in key:
        h = ((h ^ ord(character)) * 0x01000193) & 0xFFFFFFFF
    return h


def mix(h):
    h = h ^ (h >> np.uint32(16))
    h = h * np.uint32(0x85EBCA6B)
    h = h ^ (h >> np.uint32(13))
    h = h * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def words(key, start, n):
    i = np.arange(start, start + n, dtype=np.uint64).astype(np.uint32)
    return mix(mix(i * np.uint32(0x9E3779B9)) ^ np.uint32(key))


def fractions(key, n):
    return (words(key, 0, n) >> np.uint32(8)).astype(np.float64) / 0x1000000


def shuffled(key, start, n):
    return np.argsort(words(key, start, n), kind="stable")


def generate(spec, name):
    """The values of one input as a float64 array of its shape."""
    key, shape = text_hash(name), spec["shape"]
    n = int(np.prod(shape, dtype=np.int64))
    low, high = spec["low"], spec["high"]
    at = low + (high - low) * fractions(key, n)
    uniform = (2 * np.floor(at * 4096) + 1) / 8192
    kind = "integers" if spec["dtype"] == "bool" else spec["kind"]
    if kind == "uniform":
        values = uniform
    elif kind == "distinct":
        values = (low + ((high - low) * (shuffled(key, 0, n) + 0.5)) / max(n, 1)).astype(np.float32)
    elif kind == "integers":
        values = np.floor(at)
    elif kind == "nan":
        values = np.where(fractions(key ^ 0x5BD1E995, n) < 0.2, np.nan, uniform)
    elif kind == "planes":
        planes = shape[0] * shape[1]
        size = n // planes if planes else 0
        parts = [shuffled(key, p * high, high)[:size] for p in range(planes)]
        values = np.concatenate(parts) if parts else np.zeros(0)
    else:
        values = np.resize(np.array(spec["values"]), n)
    return values.astype(np.float64).reshape(shape)


def output_gradient(name, index, shape):
    spec = {"shape": list(shape), "dtype": "float32", "kind": "uniform", "low": -1, "high": 1}
    return generate(spec, f"{name}/dy{index}")


def sample_step(n):
    """Every how many elements a large tensor is kept: a step that shares no small factor with its sizes."""
    step = -(-n // 1024) | 1
    while step % 3 == 0 or step % 5 == 0 or step % 7 == 0:
        step += 2
    return step


def sampled(values):
    """Small tensors whole, of large ones about a thousand elements (flat)."""
    return values if values.size <= 2048 else values.reshape(-1)[:: sample_step(values.size)]


def philox(seed, offset, blocks):
    """Philox4x32-10 of blocks 0 … blocks−1, [blocks, 4] words: the definition in cpp/base/philox.hpp."""
    index = np.arange(blocks, dtype=np.uint64)
    low = np.uint64(0xFFFFFFFF)
    c = [index & low, index >> np.uint64(32), np.full(blocks, offset & 0xFFFFFFFF, np.uint64), np.full(blocks, offset >> 32, np.uint64)]
    key0, key1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [
            (p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(key0),
            p1 & low,
            (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(key1),
            p0 & low,
        ]
        key0, key1 = (key0 + 0x9E3779B9) & 0xFFFFFFFF, (key1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c, axis=1)
