"""Writes names.json beside this file: the names of PyTorch that concern convolutional networks, for docs/pytorch.md.

    python scripts/pytorch/names.py      # with the PyTorch to compare with; then npm run docs:pytorch

Taken are all public names of torch.nn, torch.nn.functional, torch.optim, torch.optim.lr_scheduler and torch.Tensor, but those that
`LEFT_OUT` names by family: what belongs to other kinds of networks, to linear algebra, or to PyTorch's own machinery.
"""

import json
import re
from pathlib import Path

import torch

LEFT_OUT = {
    "nn": {
        "recurrent networks": r"(RNN|LSTM|GRU).*",
        "transformers and attention": r"Transformer.*|MultiheadAttention",
        "embeddings and text": r"Embedding.*|CTCLoss|Adaptive(LogSoftmax).*|LinearCrossEntropy.*",
        "machinery": r"Container|DataParallel|Uninitialized.*|CrossMapLRN2d|NLLLoss2d|Lazy.*",
    },
    "nn.functional": {
        "attention": r"multi_head_attention_forward|scaled_.*|grouped_mm",
        "embeddings and text": r"embedding.*|ctc_loss|linear_cross_entropy",
        "machinery": r"[A-Z].*|.*torch_function.*|boolean_dispatch|assert_.*|conv_tbc|native_.*|.*_with_indices|upsample.*",
        "in place": r".*_",
    },
    "optim": {"sparse": r"SparseAdam"},
    "optim.lr_scheduler": {"machinery": r"_.*|Any|Counter|Optimizer|SupportsFloat|Tensor"},
    "Tensor": {
        "in place": r"(?!copy_|fill_|zero_|requires_grad_$).*_",
        "complex numbers": r"H|mH|adjoint|angle|cdouble|cfloat|chalf|conj.*|imag|is_complex|is_conj|isreal|real|resolve_.*|sgn|is_neg|vdot",
        "sparse": r".*sparse.*|.*coalesce.*|c?(col|row|crow)_indices|ccol_indices|indices|values|dense_dim|to_dense|smm|hash_tensor|sspaddmm",
        "quantised": r"q_.*|int_repr|dequantize|is_quantized|qscheme",
        "linear algebra": r"addbmm|addmm|addmv|addr|baddbmm|cholesky.*|corrcoef|cov|cross|det|dist|eig|geqrf|ger|inner|inverse|kron|logdet|lstsq|lu"
        r"|lu_solve|matrix_.*|mT|mv|orgqr|ormqr|outer|pinverse|qr|renorm|slogdet|solve|svd|symeig|triangular_solve|trace",
        "bits and integers": r"bitwise_.*|gcd|lcm|char|short|__.*",
        "special functions": r"digamma|erfinv|i0|igamma.*|lgamma|mvlgamma|polygamma|nextafter|frexp|ldexp|hypot|heaviside|arc.*|acosh?|asinh?|atanh?|atan2|cosh|sinh"
        r"|deg2rad|rad2deg|sinc|xlogy|logaddexp2?|logit|float_power|copysign|signbit|fmod|frac|fmax|fmin|fix|exp2|erfc",
        "other spellings": r"absolute|clip|divide|multiply|subtract|true_divide|negative|positive|greater.*|less.*|not_equal|swap.*|moveaxis|ndimension|nelement|clamp_(min|max)"
        r"|[dhv]split|fliplr|flipud|ravel|is_same_size|unsafe_.*|narrow_copy|split_with_sizes|dim_order|ndim|msort|t",
        "statistics": r"bincount|hist.*|istft|stft|kthvalue|mode|median|nan.*|quantile|cum(max|min|prod)|logcumsumexp|aminmax|cummax|diff|multinomial|unique.*",
        "machinery": r"[A-Z]|apply_|as_strided.*|as_subclass|const_data_ptr|data_ptr|diagonal_scatter|element_size|get_device|grad_dtype|grad_fn|ipu|is_(distributed|inference|ipu|maia"
        r"|meta|mkldnn|mps|mtia|nested|nonzero|pinned|set_to|shared|signed|vulkan|xla|xpu|cpu|contiguous|floating_point)|itemsize|layout|map_.*|module_load|mtia|name|new.*|nonzero_static"
        r"|output_nr|pin_memory|put|record_stream|re(gister_.*|inforce|size.*|tains?_grad)|select_scatter|slice_inverse|slice_scatter|storage.*|stride|sum_to_size|take|to_mkldnn"
        r"|to_padded_tensor|untyped_storage|volatile|xpu|type|index_(copy|fill|put|reduce)|index|set_|data|volatile|contiguous|scatter_reduce|diag.*|masked_scatter|repeat_interleave|unfold|bernoulli",
    },
}

SPACES = {
    "nn": torch.nn,
    "nn.functional": torch.nn.functional,
    "optim": torch.optim,
    "optim.lr_scheduler": torch.optim.lr_scheduler,
    "Tensor": torch.Tensor,
}


def taken(space, name):
    value = getattr(SPACES[space], name, None)
    if name.startswith("_") or (space in ("nn", "optim", "optim.lr_scheduler") and not isinstance(value, type)):
        return False
    if space == "nn.functional" and not callable(value):
        return False
    if space == "optim.lr_scheduler" and not (isinstance(value, type) and value.__module__ == "torch.optim.lr_scheduler"):
        return False
    return not any(re.fullmatch(pattern, name) for pattern in LEFT_OUT[space].values())


names = {space: sorted((n for n in dir(value) if taken(space, n)), key=str.lower) for space, value in SPACES.items()}
facts = {
    "pytorch": torch.__version__.split("+")[0],
    "leftOut": {space: list(families) for space, families in LEFT_OUT.items()},
    "names": names,
}
Path(__file__).with_name("names.json").write_text(json.dumps(facts, indent=1) + "\n")
