"""Rows that go through a model together, and their answers back in the order they came."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from aimass_stream.errors import RecordError

R = TypeVar("R")


def alike(rows: Sequence[R], key: Callable[[R], Hashable]) -> list[list[int]]:
    """Places of rows that share a key, in the order in which each key came first."""
    groups: dict[Hashable, list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(key(row), []).append(place)
    return list(groups.values())


def in_order(
    groups: Sequence[Sequence[int]], answers: Sequence[Sequence[Any | RecordError]]
) -> list[Any]:
    """The answers of several groups of rows, one list in the order of the rows."""
    found = [
        (row, answer)
        for rows, those in zip(groups, answers, strict=True)
        for row, answer in zip(rows, those, strict=True)
    ]
    return [answer for _, answer in sorted(found, key=lambda pair: pair[0])]
