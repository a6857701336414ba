"""Convolutions have channels last where a model is quicker so and answers as before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from aimass_stream.adapters import layout
from aimass_stream.adapters.layout import lay_out


def is_last(net: nn.Sequential) -> bool:
    (weight,) = (each for each in net.parameters() if each.dim() == 4)
    return weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("first_s", "then_s", "changed"), [(2.0, 1.0, True), (1.0, 0.95, False)])
def test_the_quicker_layout_is_kept(
    monkeypatch: pytest.MonkeyPatch, first_s: float, then_s: float, *, changed: bool
) -> None:
    took_s = iter([first_s, then_s])
    monkeypatch.setattr(layout, "least_s", lambda _: next(took_s))
    net = nn.Sequential(nn.Conv2d(3, 4, 3)).eval().requires_grad_(False)
    pixels = torch.randn(2, 3, 8, 8)
    due = net(pixels)
    lay_out(net, lambda: net(pixels))
    assert is_last(net) is changed
    torch.testing.assert_close(net(pixels), due)


@pytest.mark.parametrize("spoil", [lambda x: x + 1, lambda x: x[:1]], ids=["other", "fewer"])
def test_a_layout_that_changes_answers_is_not(
    monkeypatch: pytest.MonkeyPatch, spoil: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    took_s = iter([2.0, 1.0])
    monkeypatch.setattr(layout, "least_s", lambda _: next(took_s))
    net = nn.Sequential(nn.Conv2d(3, 4, 3)).eval().requires_grad_(False)
    pixels = torch.randn(2, 3, 8, 8)
    lay_out(net, lambda: spoil(net(pixels)) if is_last(net) else net(pixels))
    assert not is_last(net)


def test_a_model_without_convolutions_is_not_asked() -> None:
    lay_out(nn.Sequential(nn.Linear(2, 2)), pytest.fail)
