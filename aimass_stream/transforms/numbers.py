"""What the transforms of JSON and vectors do that are not fitted; in device processes only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from aimass_stream.errors import Reason, RecordError
from aimass_stream.transforms.values import Vector


def fields(found: Mapping[str, Any], names: tuple[str, ...]) -> Vector:
    """`(names,)`: NaN where one is missing.

    Raises:
        RecordError: BAD_ENVELOPE: one is no number.
    """
    return np.array([_number(found.get(name), name) for name in names])


def category(found: Mapping[str, Any], name: str, values: tuple[str, ...]) -> Vector:
    """`(values,)`: 1 where the text is that value.

    Raises:
        RecordError: BAD_ENVELOPE: it is no text.
    """
    told = found.get(name)
    if not isinstance(told, str | None):
        raise RecordError(Reason.BAD_ENVELOPE, f"`{name}` is no text")
    return np.array([float(told == value) for value in values])


def numbers(found: Mapping[str, Any], name: str, count: int) -> Vector:
    """`(count,)`.

    Raises:
        RecordError: BAD_ENVELOPE: they are no numbers, or not as many.
    """
    told = found.get(name)
    if not isinstance(told, list) or len(told) != count:
        raise RecordError(Reason.BAD_ENVELOPE, f"`{name}` is no list of {count} numbers")
    return np.array([_number(one, name) for one in told])


def join(value: Any, chains: Sequence[Callable[[Any], Vector]]) -> Vector:
    """The vectors of all branches, one behind the other."""
    return np.concatenate([chain(value) for chain in chains])


def _number(told: Any, name: str) -> float:
    if told is None:
        return float("nan")
    if not isinstance(told, bool | int | float):
        raise RecordError(Reason.BAD_ENVELOPE, f"`{name}` is no number")
    return float(told)
