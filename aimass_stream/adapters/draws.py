"""What a model draws at random, from a seed of its record's own. In device processes only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Draws(TorchDispatchMode):  # type: ignore[no-untyped-call]  # by torch
    """A block in which this thread draws from a seed, and not from the process's generator.

    Libraries draw from one generator for the whole process. Another thread that loads a model
    draws from it too, between the seed and what is drawn from it. Inside the block numbers are
    those that `torch.manual_seed` would give to a process that does nothing else; the process's
    generator stays as it is.

    Every operator that torch marks as drawing is given a generator, whichever function led to it:
    new tensors, noise in place, and what a function of torch draws inside. Dropout that is on and
    attention with dropout take none; a model that answers has neither.

    Args:
        seed: 0 or above, below 2^63.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # by torch
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Called by torch for each of its operators."""
        del types
        given = dict(kwargs or {})
        drawing = _with_generator(func)
        if drawing is not None and given.get("generator") is None:
            given["generator"] = self._generator(_device_of(args, given))
            func = drawing
        return func(*args, **given)

    def _generator(self, device: torch.device) -> torch.Generator:
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        return self._generators[device]


@cache
def _with_generator(func: Any) -> Callable[..., Any] | None:
    """The form of an operator that draws from a generator; None where it draws nothing."""
    if torch.Tag.nondeterministic_seeded not in func.tags:
        return None
    wanted = {*_arguments(func), "generator"}
    forms = [getattr(func.overloadpacket, name) for name in func.overloadpacket.overloads()]
    return next((form for form in (func, *forms) if set(_arguments(form)) == wanted), None)


def _arguments(func: Any) -> list[str]:
    return [one.name for one in func._schema.arguments]  # noqa: SLF001 - told nowhere else


def _device_of(args: Sequence[Any], given: Mapping[str, Any]) -> torch.device:
    """Where an operator draws: where its first tensor is, or as it is told."""
    tensors = [one for one in (*args, *given.values()) if isinstance(one, torch.Tensor)]
    return tensors[0].device if tensors else torch.device(given.get("device") or "cpu")
