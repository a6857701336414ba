"""Convolutions with channels last in memory, where a model is quicker so.

Most are, on a CPU by oneDNN and on a GPU in bfloat16; some are slower. So both are tried with
the model itself when it is loaded. In device processes only.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from aimass_stream.adapters.timing import TOLERANCE, WORTH, least_s

log = logging.getLogger("aimass.device")

ROWS_TRIED = 4
"""Images of the batch that a model is tried with."""


def lay_out(model: nn.Module, call: Callable[[], Tensor]) -> None:
    """Keep the weights of a model's convolutions in the order in which it is quicker.

    Args:
        model: on its device, in eval mode.
        call: has it answer an input as those that it will be given; the answer comes on the CPU.
    """
    if not any(isinstance(layer, nn.Conv2d) for layer in model.modules()):
        return
    due, plain_s = call(), least_s(call)
    model.to(memory_format=torch.channels_last)
    found, last_s = call(), least_s(call)
    gap = float((found - due).abs().max()) if found.shape == due.shape else math.inf
    is_better = gap <= TOLERANCE and last_s <= WORTH * plain_s
    if not is_better:
        model.to(memory_format=torch.contiguous_format)
    log.info(
        "convolutions %s: channels last take %.2f of the time here, and answers differ by %.1e",
        "have channels last" if is_better else "stay as they are",
        last_s / plain_s,
        gap,
    )
