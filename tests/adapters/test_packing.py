"""Packed linear layers answer as torch's own do, and stand in for them wherever one is asked."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from aimass_stream.adapters import packing
from aimass_stream.adapters.packing import PackedLinear, pack_linears


def conv(outputs: int, inputs: int) -> nn.Module:
    """GPT-2's own linear layer, whose weights stand on end."""
    layer: nn.Module = Conv1D(outputs, inputs)  # type: ignore[no-untyped-call]  # has no types
    return layer


class Net(nn.Module):
    """Every kind of layer that is packed, or is not."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(11, 8)
        self.plain = nn.Linear(8, 6)
        self.again = self.plain
        self.on_end = conv(5, 6)
        self.bare = nn.Linear(5, 8, bias=False)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.tied = nn.Linear(8, 11, bias=False)
        self.tied.weight = self.words.weight

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """`(rows, tokens)` int64 to `(rows, tokens, 11)`."""
        seen = self.bare(self.on_end(self.again(self.words(given))))
        found: torch.Tensor = self.tied(self.attention(seen, seen, seen)[0])
        return found


@pytest.fixture
def quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_is_quicker", lambda: True)


@pytest.mark.usefixtures("quicker")
def test_a_packed_network_answers_as_before_and_holds_no_layer_twice() -> None:
    torch.manual_seed(3)
    net = Net().eval()
    for shape in ((1, 1), (3, 7), (0, 4)):
        given = torch.randint(0, 11, shape)
        with torch.inference_mode():
            due = net(given)
            packed = Net().eval()
            packed.load_state_dict(net.state_dict())
            pack_linears(packed)
            torch.testing.assert_close(packed(given), due, rtol=1e-5, atol=1e-5)
    assert packed.again is packed.plain
    kinds = {name: type(module) for name, module in packed.named_children()}
    assert kinds["attention"] is nn.MultiheadAttention
    assert {kinds[name] for name in ("plain", "on_end", "bare", "tied")} == {PackedLinear}
    assert packed.words.weight.shape == (11, 8)


@pytest.mark.usefixtures("quicker")
@pytest.mark.parametrize("layer", [nn.Linear(4, 3), conv(3, 4)])
def test_whoever_reads_the_weights_finds_them(layer: Any) -> None:
    holder = nn.Sequential(layer).eval()
    weight = layer.weight
    pack_linears(holder)
    (packed,) = holder
    assert isinstance(packed, PackedLinear)
    assert torch.equal(packed.weight, weight)
    assert (packed.in_features, packed.out_features) == (4, 3)
    row = torch.randn(4)
    with torch.inference_mode():
        torch.testing.assert_close(packed(row), layer(row[None])[0])
        assert packed(torch.empty(2, 0, 4)).shape == (2, 0, 3)


def test_what_is_no_float32_and_what_gains_nothing_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_is_quicker", lambda: True)
    halves = nn.Sequential(nn.Linear(4, 3).bfloat16())
    pack_linears(halves)
    assert type(halves[0]) is nn.Linear
    monkeypatch.setattr(packing, "_is_quicker", lambda: False)
    slower = nn.Sequential(nn.Linear(4, 3))
    pack_linears(slower)
    assert type(slower[0]) is nn.Linear


def test_the_trial_says_the_same_twice_and_why(caplog: pytest.LogCaptureFixture) -> None:
    packing._is_quicker.cache_clear()
    with caplog.at_level("INFO", "aimass.device"):
        first = packing._is_quicker()
        assert packing._is_quicker() is first
    (line,) = caplog.messages
    assert ("are packed" if first else "stay as they are") in line
