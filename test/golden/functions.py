"""Each function of the suite in terms of PyTorch, with the arguments of lib/functional (camelCase options as **o)."""

import torch
import torch.nn.functional as F
from generator import philox

SEED = 7  # of every case


def as_list(value, n):
    return list(value) if isinstance(value, (list, tuple)) else [value] * n


def conv(n):
    function = getattr(F, f"conv{n}d")
    modes = {"zeros": "constant"}

    def call(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, paddingMode="zeros"):
        if paddingMode == "zeros":
            return function(x, weight, bias, stride, padding, dilation, groups)
        pads = []
        for i in reversed(range(n)):
            if padding == "same":
                total = as_list(dilation, n)[i] * (weight.shape[2 + i] - 1)
                pads += [total // 2, total - total // 2]
            else:
                pads += [as_list(padding, n)[i]] * 2
        padded = F.pad(x, pads, mode=modes.get(paddingMode, paddingMode))
        return function(padded, weight, bias, stride, 0, dilation, groups)

    return call


def conv_transpose(n):
    function = getattr(F, f"conv_transpose{n}d")

    def call(x, weight, bias=None, stride=1, padding=0, outputPadding=0, groups=1, dilation=1):
        return function(x, weight, bias, stride, padding, outputPadding, groups, dilation)

    return call


def max_pool(n):
    function = getattr(F, f"max_pool{n}d")

    def call(x, kernel, stride=None, padding=0, dilation=1, ceilMode=False, returnIndices=False):
        return function(x, kernel, stride, padding, dilation, ceil_mode=ceilMode, return_indices=returnIndices)

    return call


def max_unpool(n):
    function = getattr(F, f"max_unpool{n}d")

    def call(x, indices, kernel, stride=None, padding=0, outputSize=None):
        return function(x, indices, kernel, stride, padding, outputSize)

    return call


def avg_pool(n):
    function = getattr(F, f"avg_pool{n}d")

    def call(x, kernel, stride=None, padding=0, ceilMode=False, countIncludePad=True, divisorOverride=None):
        more = {"divisor_override": divisorOverride} if n > 1 else {}
        return function(x, kernel, stride, padding, ceilMode, countIncludePad, **more)

    return call


def adaptive_max(n):
    function = getattr(F, f"adaptive_max_pool{n}d")
    return lambda x, size, returnIndices=False: function(x, size, return_indices=returnIndices)


def spatial(x):
    return tuple(range(2, x.dim()))


def batch_norm(x, mean, variance, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    return F.batch_norm(x, mean, variance, weight, bias, training, momentum, eps)


def instance_norm(x, runningMean=None, runningVar=None, weight=None, bias=None, useInputStats=True, momentum=0.1, eps=1e-5):
    return F.instance_norm(x, runningMean, runningVar, weight, bias, useInputStats, momentum, eps)


def tensor_like(value, x):
    return value if isinstance(value, torch.Tensor) else torch.tensor(value, dtype=x.dtype)


def binary(function):
    def call(a, b):
        x = a if isinstance(a, torch.Tensor) else b
        return function(tensor_like(a, x), tensor_like(b, x))

    return call


def reduction(function):
    def call(x, dim=None, keepdim=False):
        return function(x, dim=tuple(range(x.dim())) if dim is None else dim, keepdim=keepdim)

    return call


def prod(x, dim=None, keepdim=False):
    return torch.prod(x) if dim is None else torch.prod(x, dim, keepdim)


def spread(function):
    def call(x, dim=None, correction=1, keepdim=False):
        return function(x, dim=dim, correction=correction, keepdim=keepdim)

    return call


def slice_(x, dim, start=0, end=None, step=1):
    dim = dim % x.dim()
    return x[(slice(None),) * dim + (slice(start, end, step),)]


def interpolate(x, size=None, scaleFactor=None, mode="nearest", alignCorners=None):
    if size is None:
        n = x.dim() - 2
        size = [int(s * f) for s, f in zip(x.shape[2:], as_list(scaleFactor, n))]
    return F.interpolate(x, size=size, mode=mode, align_corners=alignCorners)


def mask(count, p):
    words = torch.from_numpy(philox(SEED, 0, -(-count // 4)).reshape(-1)[:count].astype("int64"))
    return (words >> 8).double() / 2**24 >= p


def kept(chosen, x, p):
    return x * chosen / (1 - p if p < 1 else 1)


def dropout(x, p=0.5, training=False):
    if not training:
        return x * 1
    return kept(mask(x.numel(), p).reshape(x.shape), x, p)


def dropout2d(x, p=0.5, training=False):
    if not training:
        return x * 1
    planes = mask(x.shape[0] * x.shape[1], p).reshape(*x.shape[:2], *[1] * (x.dim() - 2))
    return kept(planes, x, p)


functions = {
    **{f"conv{n}d": conv(n) for n in (1, 2, 3)},
    **{f"convTranspose{n}d": conv_transpose(n) for n in (1, 2, 3)},
    **{f"maxPool{n}d": max_pool(n) for n in (1, 2, 3)},
    **{f"maxUnpool{n}d": max_unpool(n) for n in (1, 2, 3)},
    **{f"avgPool{n}d": avg_pool(n) for n in (1, 2, 3)},
    **{f"adaptiveAvgPool{n}d": getattr(F, f"adaptive_avg_pool{n}d") for n in (1, 2, 3)},
    **{f"adaptiveMaxPool{n}d": adaptive_max(n) for n in (1, 2, 3)},
    "globalAvgPool": lambda x: x.mean(spatial(x), keepdim=True),
    "globalMaxPool": lambda x: x.amax(spatial(x), keepdim=True),
    "batchNorm": batch_norm,
    "instanceNorm": instance_norm,
    "layerNorm": lambda x, shape, weight=None, bias=None, eps=1e-5: F.layer_norm(x, shape, weight, bias, eps),
    "groupNorm": lambda x, groups, weight=None, bias=None, eps=1e-5: F.group_norm(x, groups, weight, bias, eps),
    "localResponseNorm": lambda x, size, alpha=1e-4, beta=0.75, k=1: F.local_response_norm(x, size, alpha, beta, k),
    "linear": F.linear,
    "matmul": torch.matmul,
    "bmm": torch.bmm,
    **{name: getattr(F, name) for name in ("relu", "relu6", "silu", "hardsigmoid", "hardswish", "elu", "softplus")},
    **{
        name: getattr(torch, name)
        for name in "sigmoid tanh exp log sqrt rsqrt abs neg sign square reciprocal sin cos log1p expm1 erf".split()
        + "floor ceil round isnan pow where".split()
    },
    "logicalNot": torch.logical_not,
    "leakyRelu": F.leaky_relu,
    "gelu": lambda x, approximate="none": F.gelu(x, approximate=approximate),
    "clamp": lambda x, min=None, max=None: torch.clamp(x, min, max),
    **{name: binary(getattr(torch, name)) for name in "add sub mul div maximum minimum eq ne lt le gt ge".split()},
    "logicalAnd": binary(torch.logical_and),
    "logicalOr": binary(torch.logical_or),
    "sum": reduction(torch.sum),
    "mean": reduction(torch.mean),
    "max": reduction(torch.amax),
    "min": reduction(torch.amin),
    "prod": prod,
    "argmax": lambda x, dim=None, keepdim=False: torch.argmax(x, dim, keepdim),
    "argmin": lambda x, dim=None, keepdim=False: torch.argmin(x, dim, keepdim),
    "variance": spread(torch.var),
    "std": spread(torch.std),
    "softmax": lambda x, dim: F.softmax(x, dim),
    "logSoftmax": lambda x, dim: F.log_softmax(x, dim),
    "crossEntropy": lambda x, t, weight=None, ignoreIndex=-100, reduction="mean", labelSmoothing=0.0: F.cross_entropy(
        x, t, weight, ignore_index=ignoreIndex, reduction=reduction, label_smoothing=labelSmoothing
    ),
    "nllLoss": lambda x, t, weight=None, ignoreIndex=-100, reduction="mean": F.nll_loss(
        x, t, weight, ignore_index=ignoreIndex, reduction=reduction
    ),
    "binaryCrossEntropy": lambda x, t, weight=None, reduction="mean": F.binary_cross_entropy(x, t, weight, reduction=reduction),
    "binaryCrossEntropyWithLogits": lambda x, t, weight=None, posWeight=None, reduction="mean": (
        F.binary_cross_entropy_with_logits(x, t, weight, reduction=reduction, pos_weight=posWeight)
    ),
    "mseLoss": F.mse_loss,
    "l1Loss": F.l1_loss,
    "smoothL1Loss": lambda x, t, beta=1.0, reduction="mean": F.smooth_l1_loss(x, t, reduction=reduction, beta=beta),
    "klDiv": lambda x, t, reduction="mean", logTarget=False: F.kl_div(x, t, reduction=reduction, log_target=logTarget),
    "reshape": torch.reshape,
    "view": torch.reshape,
    "flatten": lambda x, start=0, end=-1: torch.flatten(x, start, end),
    "squeeze": lambda x, *dim: torch.squeeze(x, *dim),
    "unsqueeze": torch.unsqueeze,
    "permute": torch.permute,
    "transpose": torch.transpose,
    "cat": torch.cat,
    "stack": torch.stack,
    "split": lambda x, sizes, dim: torch.split(x, sizes, dim),
    "chunk": torch.chunk,
    "narrow": torch.narrow,
    "slice": slice_,
    "expand": lambda x, shape: x.expand(shape),
    "pad": lambda x, pads, mode="constant", value=0: F.pad(x, pads, mode, value if mode == "constant" else None),
    "flip": torch.flip,
    "oneHot": F.one_hot,
    "gather": torch.gather,
    "indexSelect": torch.index_select,
    "interpolate": interpolate,
    "dropout": dropout,
    "dropout2d": dropout2d,
}


def optimizer(fn, params, o):
    """The torch.optim class that an update case means."""
    common = {"lr": o["lr"]}
    if "weightDecay" in o:
        common["weight_decay"] = o["weightDecay"]
    if fn == "sgd":
        more = {name: o[name] for name in ("momentum", "dampening", "nesterov") if name in o}
        return torch.optim.SGD(params, **common, **more)
    if fn == "rmsProp":
        more = {name: o[name] for name in ("alpha", "eps", "momentum", "centered") if name in o}
        return torch.optim.RMSprop(params, **common, **more)
    more = {name: o[name] for name in ("eps", "amsgrad") if name in o}
    betas = (o.get("beta1", 0.9), o.get("beta2", 0.999))
    if fn == "adamw" and "weight_decay" not in common:
        common["weight_decay"] = 0.01
    return (torch.optim.AdamW if fn == "adamw" else torch.optim.Adam)(params, betas=betas, **common, **more)
