"""NASNet-A and AmoebaNet-A stated once more in PyTorch, from the papers' figures: what models.py compares the package with.

A genotype lists ten (operation, state) pairs; state 0 is the output of the cell before the last, 1 of the last, 2 + i of pair i."""

import math

import torch
from torch import nn
from torch.nn import functional as F

nasnet = {
    "normal": [("sep5", 1), ("sep3", 0), ("sep5", 0), ("sep3", 0), ("avg", 1), ("skip", 0), ("avg", 0), ("avg", 0), ("sep3", 1), ("skip", 1)],
    "normal_concat": [0, 2, 3, 4, 5, 6],
    "reduce": [("sep5", 1), ("sep7", 0), ("max", 1), ("sep7", 0), ("avg", 1), ("sep5", 0), ("skip", 3), ("avg", 2), ("sep3", 2), ("max", 1)],
    "reduce_concat": [3, 4, 5, 6],
    "raw_stem": True,
}
amoebanet = {
    "normal": [("avg", 0), ("max", 1), ("sep3", 0), ("sep5", 2), ("sep3", 0), ("avg", 3), ("sep3", 1), ("skip", 1), ("skip", 0), ("avg", 1)],
    "normal_concat": [4, 5, 6],
    "reduce": [("avg", 0), ("sep3", 1), ("max", 0), ("sep7", 2), ("sep7", 0), ("avg", 1), ("max", 0), ("max", 1), ("conv7", 0), ("sep3", 5)],
    "reduce_concat": [3, 4, 6],
    "raw_stem": False,
}


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3)


def same(x, k, stride, value=0.0):
    pads = []
    for size in (x.shape[3], x.shape[2]):
        total = max((math.ceil(size / stride) - 1) * stride + k - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value)


class Depthwise(nn.Module):
    def __init__(self, inputs, outputs, k, stride):
        super().__init__()
        self.depthwise_conv2d = nn.Conv2d(inputs, inputs, k, stride, groups=inputs, bias=False)
        self.pointwise_conv2d = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.k, self.stride = k, stride

    def forward(self, x):
        return self.pointwise_conv2d(self.depthwise_conv2d(same(x, self.k, self.stride)))


class Separable(nn.Module):
    def __init__(self, inputs, outputs, k, stride):
        super().__init__()
        self.separable_1 = Depthwise(inputs, outputs, k, stride)
        self.bn_sep_1 = norm(outputs)
        self.separable_2 = Depthwise(outputs, outputs, k, 1)
        self.bn_sep_2 = norm(outputs)

    def forward(self, x):
        y = self.bn_sep_1(self.separable_1(x.relu()))
        return self.bn_sep_2(self.separable_2(y.relu()))


class OneBySeven(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv_1x7 = nn.Conv2d(inputs, outputs, (1, 7), (1, stride), (0, 3), bias=False)
        self.conv_7x1 = nn.Conv2d(outputs, outputs, (7, 1), (stride, 1), (3, 0), bias=False)
        self.bn = norm(outputs)

    def forward(self, x):
        return self.bn(self.conv_7x1(self.conv_1x7(x.relu())))


class Pool(nn.Module):
    def __init__(self, kind, stride):
        super().__init__()
        self.kind, self.stride = kind, stride

    def forward(self, x):
        if self.kind == "max":
            return F.max_pool2d(same(x, 3, self.stride, -math.inf), 3, self.stride)
        if self.stride == 1:
            return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        return F.avg_pool2d(same(x, 3, self.stride), 3, self.stride)


def op(name, inputs, outputs, stride):
    if name.startswith("sep"):
        return Separable(inputs, outputs, int(name[3:]), stride)
    if name == "conv7":
        return OneBySeven(inputs, outputs, stride)
    return nn.Identity() if name == "skip" else Pool(name, stride)


class Squeeze(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.bn = norm(outputs)

    def forward(self, x):
        return self.bn(self.conv(x.relu()))


class Cell(nn.Module):
    def __init__(self, genotype, kind, inputs, filters, before):
        super().__init__()
        (previous, last), self.before = inputs, before
        self.pairs, self.concat = genotype[kind], genotype[f"{kind}_concat"]
        stride = 2 if kind == "reduce" else 1
        if before == "conv":
            self.conv_prev_1x1 = Squeeze(previous, filters)
        if before == "halve":
            self.path_1 = nn.Sequential()
            self.path_1.add_module("conv", nn.Conv2d(previous, filters // 2, 1, bias=False))
            self.path_2 = nn.Sequential()
            self.path_2.add_module("conv", nn.Conv2d(previous, filters - filters // 2, 1, bias=False))
            self.final_path_bn = norm(filters)
        self.conv_1x1 = Squeeze(last, filters)
        self.ops = []
        for i, (name, state) in enumerate(self.pairs):
            width = previous if before == "raw" and state == 0 else filters
            made = op(name, width, filters, stride if state < 2 else 1)
            self.add_module(f"comb_iter_{i // 2}_{'right' if i % 2 else 'left'}", made)
            self.ops.append(made)

    def forward(self, x, previous):
        if self.before == "conv":
            previous = self.conv_prev_1x1(previous)
        elif self.before == "halve":
            p = previous.relu()
            odd = F.pad(p[:, :, 1:, 1:], (0, 1, 0, 1))
            previous = self.final_path_bn(torch.cat([self.path_1(p[:, :, ::2, ::2]), self.path_2(odd[:, :, ::2, ::2])], 1))
        states = [previous, self.conv_1x1(x)]
        for i in range(0, len(self.pairs), 2):
            (_, a), (_, b) = self.pairs[i : i + 2]
            states.append(self.ops[i](states[a]) + self.ops[i + 1](states[b]))
        return torch.cat([states[i] for i in self.concat], 1)


class Network(nn.Module):
    def __init__(self, genotype, filters, stem, number, classes=10):
        super().__init__()
        self.conv0 = nn.Sequential()
        self.conv0.add_module("conv", nn.Conv2d(3, stem, 3, 2, bias=False))
        self.conv0.add_module("bn", norm(stem))
        self.names = []
        normal, reduced = len(genotype["normal_concat"]), len(genotype["reduce_concat"])
        widths, sizes = [stem, stem], [0, 0]

        def add(name, kind, f, before=None):
            before = before or ("halve" if sizes[-2] < sizes[-1] else "conv")
            self.add_module(name, Cell(genotype, kind, widths[-2:], f, before))
            self.names.append(name)
            widths.append(f * (reduced if kind == "reduce" else normal))
            sizes.append(sizes[-1] + (kind == "reduce"))

        add("cell_stem_0", "reduce", filters // 4, "raw" if genotype["raw_stem"] else None)
        add("cell_stem_1", "reduce", filters // 2)
        for stage in range(3):
            if stage:
                add(f"reduction_cell_{stage - 1}", "reduce", filters * 2**stage)
            for i in range(number):
                add(f"cell_{6 * stage + i}", "normal", filters * 2**stage)
        self.last_linear = nn.Linear(widths[-1], classes)

    def forward(self, x):
        previous = last = self.conv0(x)
        for name in self.names:
            previous, last = last, getattr(self, name)(last, previous)
        return self.last_linear(last.relu().mean((2, 3)))


def network(genotype, **options):
    return Network(genotype, **options)
