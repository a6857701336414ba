"""What a model draws at random, from a seed of its record's own. In device processes only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_LIKE = {torch.randn_like: torch.Tensor.normal_, torch.rand_like: torch.Tensor.uniform_}
_DRAWING = frozenset({torch.randn, torch.rand, torch.normal, torch.bernoulli, torch.multinomial})


class Draws(TorchFunctionMode):
    """A block in which this thread draws from a seed, and not from the process's generator.

    Libraries draw from one generator for the whole process. Another thread that loads a model
    draws from it too, between the seed and what is drawn from it. Inside the block numbers are
    those that `torch.manual_seed` would give to a process that does nothing else; the process's
    generator stays as it is.

    Args:
        seed: 0 or above, below 2^63.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Called by torch for each of its functions."""
        del types
        given = dict(kwargs or {})
        if func in _LIKE:
            made = torch.empty_like(*args, **given)
            return _LIKE[func](made, generator=self._generator(made.device))
        if func in _DRAWING and given.get("generator") is None:
            given["generator"] = self._generator(_device_of(args, given))
        return func(*args, **given)

    def _generator(self, device: torch.device) -> torch.Generator:
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        return self._generators[device]


def _device_of(args: Sequence[Any], given: Mapping[str, Any]) -> torch.device:
    """Where a function draws: where its first tensor is, or as it is told."""
    tensors = [one for one in (*args, *given.values()) if isinstance(one, torch.Tensor)]
    return tensors[0].device if tensors else torch.device(given.get("device") or "cpu")
