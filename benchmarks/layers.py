"""The layers row set: networks as torch computes them, and as device processes have them computed.

Linear layers are packed, and convolutions have channels last, where that is quicker on this
machine; one that is not shows a share of about 1. Random weights, one thread, CPU time.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertModel,
    ResNetConfig,
    ResNetModel,
    ViTConfig,
    ViTModel,
)

from aimass_stream.adapters.layout import lay_out
from aimass_stream.adapters.packing import pack_linears
from benchmarks.bench import Bench, Figures, interleave, medians

CALLS = 5
SEED = 7


class _Pair:
    """A network, its double that was made quicker, and what both are given."""

    def __init__(self, network: nn.Module, given: Tensor) -> None:
        self._given = given
        self._plain = network.eval().requires_grad_(requires_grad=False)
        self._quick = copy.deepcopy(self._plain)
        pack_linears(self._quick)
        lay_out(self._quick, lambda: self._answer(self._quick))

    def measure(self) -> Figures:
        """The least CPU time of a call each, and how far answers lie apart."""
        gap = float((self._answer(self._quick) - self._answer(self._plain)).abs().max())
        plain_ms, quick_ms = (self._least_ms(each) for each in (self._plain, self._quick))
        return {"plain_ms": plain_ms, "ms": quick_ms, "share": quick_ms / plain_ms, "gap": gap}

    def _answer(self, network: nn.Module) -> Tensor:
        with torch.inference_mode():
            found = network(self._given)
        return found if isinstance(found, Tensor) else found.last_hidden_state

    def _least_ms(self, network: nn.Module) -> float:
        took_s = []
        for _ in range(CALLS):
            begun = time.process_time()
            self._answer(network)
            took_s.append(time.process_time() - begun)
        return min(took_s) * 1000


def _layer(rows: int) -> _Pair:
    return _Pair(nn.Sequential(nn.Linear(512, 1024)), torch.randn(rows, 512))


def _bert(rows: int, tokens: int) -> _Pair:
    config = BertConfig(
        hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024
    )
    network: nn.Module = BertModel(config)  # type: ignore[no-untyped-call]  # the library has no types
    return _Pair(network, torch.randint(0, config.vocab_size, (rows, tokens)))


def _vit(rows: int) -> _Pair:
    config = ViTConfig(image_size=96, num_hidden_layers=4)
    return _Pair(ViTModel(config), torch.randn(rows, 3, 96, 96))


def _resnet(rows: int) -> _Pair:
    config = ResNetConfig(
        embedding_size=32, hidden_sizes=[32, 64, 128, 256], depths=[2] * 4, layer_type="basic"
    )
    network: nn.Module = ResNetModel(config)  # type: ignore[no-untyped-call]  # as above
    return _Pair(network, torch.randn(rows, 3, 96, 96))


PAIRS: Mapping[str, Callable[[], _Pair]] = {
    "a layer of 512 by 1,024, 16 rows": lambda: _layer(16),
    "the same, 1,024 rows": lambda: _layer(1024),
    "BERT, 4 layers of 256, 1 text of 22 tokens": lambda: _bert(1, 22),
    "the same, 32 texts of 32 tokens": lambda: _bert(32, 32),
    "ViT, 4 layers of 768, 8 images": lambda: _vit(8),
    "ResNet, 17 convolutions, 1 image": lambda: _resnet(1),
    "the same, 16 images": lambda: _resnet(16),
}


def run_layers(bench: Bench) -> None:
    """Measure every network once a round, and write medians."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    pairs = {name: make() for name, make in PAIRS.items()}

    def keep(runs: dict[str, list[Figures]]) -> None:
        rows: list[dict[str, Any]] = [
            {"contestant": name, **medians(found), "rounds": len(found), "runs": found}
            for name, found in runs.items()
            if found
        ]
        bench.write("layers", {"rows": rows, "threads": 1})

    interleave(bench, list(PAIRS), lambda name: pairs[name].measure(), keep)
