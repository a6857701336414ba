"""Which partitions make no progress although nothing holds them up; pure bookkeeping.

Told again and again how each partition is, by somebody who can see. Its clock counts what it was
told has passed, and a long gap as little: a process that was stopped has not lived through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

P = TypeVar("P")

MAX_STEP_S = 2.0
"""Enough for somebody who looks once a second."""


@dataclass(frozen=True, slots=True)
class Look:
    """A partition at one moment.

    Attributes:
        done: how many of its records have an outcome; it only grows while the partition is ours.
        is_behind: whether records of it wait, here or on the broker.
        is_excused: whether it is held up on purpose.
    """

    done: int
    is_behind: bool
    is_excused: bool


class ProgressWatch(Generic[P]):
    """How long each partition has stood still.

    Args:
        stall_s: seconds it may.
        max_step_s: what one look may add, however long ago the last one was.
    """

    def __init__(self, stall_s: float, max_step_s: float = MAX_STEP_S) -> None:
        self._stall_s = stall_s
        self._max_step_s = max_step_s
        self._done: dict[P, int] = {}
        self._still_s: dict[P, float] = {}

    def look(self, looks: Mapping[P, Look], step_s: float, allowance_s: float = 0.0) -> list[P]:
        """Take in how all partitions are.

        Args:
            looks: every partition that is ours.
            step_s: seconds since the last look.
            allowance_s: what a partition may stand still beyond `stall_s`.

        Returns:
            Partitions that have stood still for too long.
        """
        step_s = min(step_s, self._max_step_s)
        for gone in self._done.keys() - looks.keys():
            del self._done[gone], self._still_s[gone]
        for partition, look in looks.items():
            moved = self._done.get(partition) != look.done
            self._done[partition] = look.done
            if moved or look.is_excused or not look.is_behind:
                self._still_s[partition] = 0.0
            else:
                self._still_s[partition] += step_s
        limit_s = self._stall_s + allowance_s
        return [partition for partition, still_s in self._still_s.items() if still_s >= limit_s]

    def forgive(self, partition: P) -> None:
        """Count its time anew: there was a reason after all."""
        if partition in self._still_s:
            self._still_s[partition] = 0.0
