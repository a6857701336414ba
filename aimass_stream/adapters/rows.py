"""Rows that are worked on together, and what is made of them in the order they came."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

from aimass_stream.errors import RecordError, without_frames

R = TypeVar("R")


def alike(rows: Sequence[R], key: Callable[[R], Hashable]) -> list[list[int]]:
    """Places of rows that share a key, in the order in which each key came first."""
    groups: dict[Hashable, list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(key(row), []).append(place)
    return list(groups.values())


def decode_together(
    payloads: Iterable[bytes | memoryview],
    open_one: Callable[[bytes | memoryview], Any],
    work_out: Callable[[list[Any]], Iterable[Any]],
) -> list[Any]:
    """What is made of payloads that are opened one by one and worked on together.

    Args:
        payloads: of several records.
        open_one: raises `RecordError` where it cannot; that error stands in the payload's place.
        work_out: given what was opened, makes as many inputs, in order.
    """
    made: list[Any] = []
    for payload in payloads:
        try:
            made.append(open_one(payload))
        except RecordError as error:
            made.append(without_frames(error))
    rows = [row for row, one in enumerate(made) if not isinstance(one, RecordError)]
    for row, one in zip(rows, work_out([made[row] for row in rows]), strict=True):
        made[row] = one
    return made


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
