"""Linear layers with their weights laid out once for the processor, where that is quicker.

torch multiplies by MKL, which lays a layer's weights out anew in every call: for the few rows of
a small batch that is most of the work, and on processors of other makers than Intel MKL takes a
slower way as well. oneDNN, which comes with torch, keeps weights as it wants them. Which of the
two is quicker is tried once in each process, and nothing is changed where the gain is small or
the answers differ. In device processes only.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from transformers.pytorch_utils import Conv1D

from aimass_stream.adapters.timing import TOLERANCE, WORTH, least_s

log = logging.getLogger("aimass.device")

_TRIED_SHAPE = (32, 512, 1024)
"""Rows, inputs and outputs of the layer that both are tried on."""


class PackedLinear(nn.Module):
    """A linear layer for inference: `(..., inputs)` to `(..., outputs)`, float32, on the CPU.

    Args:
        weight: `(outputs, inputs)`; not kept.
        bias: `(outputs,)`.
        stands_on_end: whether the layer in whose place it stands holds `(inputs, outputs)`.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, *, stands_on_end: bool) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), None)  # noqa: SLF001 - inductor's own way to it
        self._stands_on_end = stands_on_end
        self._plain: Tensor | None = None

    @property
    def weight(self) -> Tensor:
        """The weights as they were, for models that read them themselves; kept once asked for."""
        if self._plain is None:
            plain = self._packed.to_dense()
            self._plain = plain.t() if self._stands_on_end else plain
        return self._plain

    def forward(self, inputs: Tensor) -> Tensor:
        """The layer's answer."""
        if inputs.dtype == torch.float32 and inputs.dim() > 1:
            found: Tensor = torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001 - as above
                inputs, self._packed, self.bias, "none", [], ""
            )
            return found
        weight = self.weight.t() if self._stands_on_end else self.weight
        return linear(inputs, weight, self.bias)


def placed(model: Any, device: torch.device) -> Any:
    """A model on its device, in eval mode, its linear layers packed if they may be."""
    ready = model.to(device).eval()
    pack_linears(ready)
    return ready


def pack_linears(model: nn.Module) -> None:
    """Have the linear layers of a model in eval mode computed in the quicker way.

    Their own weights are let go. Where they lie on no CPU, or are no float32, they stay.
    """
    places: dict[int, list[str]] = {}
    for name, layer in model.named_modules(remove_duplicate=False):
        if name and type(layer) in {nn.Linear, Conv1D} and _is_plain(layer.weight):
            places.setdefault(id(layer), []).append(name)
    if not places or not _is_quicker():
        return
    with torch.inference_mode(mode=False), torch.no_grad():
        # One at a time, and nobody else holds it: a large model is not twice in memory.
        for names in places.values():
            packed = _packed(model.get_submodule(names[0]))
            for name in names:
                model.set_submodule(name, packed)


def _is_plain(weight: Tensor) -> bool:
    return weight.device.type == "cpu" and weight.dtype == torch.float32


def _packed(layer: Any) -> PackedLinear:
    stands_on_end = type(layer) is Conv1D
    weight = layer.weight.t().contiguous() if stands_on_end else layer.weight
    return PackedLinear(weight, layer.bias, stands_on_end=stands_on_end)


@cache
def _is_quicker() -> bool:
    """Whether a packed layer answers as torch's own does, in clearly less time."""
    rows, inputs, outputs = _TRIED_SHAPE
    draw = torch.Generator().manual_seed(0)
    given = torch.randn(rows, inputs, generator=draw)
    weight = torch.randn(outputs, inputs, generator=draw) / inputs**0.5
    bias = torch.randn(outputs, generator=draw)
    with torch.inference_mode():
        try:
            packed = PackedLinear(weight, bias, stands_on_end=False)
            gap = float((packed(given) - linear(given, weight, bias)).abs().max())
        except (AttributeError, NotImplementedError, RuntimeError) as error:
            log.info("linear layers stay as they are: %s", error)
            return False
        theirs_s = least_s(lambda: linear(given, weight, bias))
        ours_s = least_s(lambda: packed(given))
    is_quicker = gap <= TOLERANCE and ours_s <= WORTH * theirs_s
    log.info(
        "linear layers %s: packed weights take %.2f of the time here, and answers differ by %.1e",
        "are packed" if is_quicker else "stay as they are",
        ours_s / theirs_s,
        gap,
    )
    return is_quicker
