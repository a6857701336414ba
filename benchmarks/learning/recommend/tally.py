"""What is counted of ranked answers, and how long they take."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Tally:
    """Reciprocal ranks of what came, in the order of asking; 0 for what was not shown."""

    def __init__(self) -> None:
        self._ranks: list[float] = []

    def add(self, shown: Sequence[str], came: str) -> None:
        """Count a list and what came."""
        self._ranks.append(1 / (shown.index(came) + 1) if came in shown else 0.0)

    def add_rank(self, rank: float, within: int) -> None:
        """Count the rank of what came."""
        self._ranks.append(1 / rank if rank <= within else 0.0)

    @property
    def shares(self) -> tuple[float, float]:
        """Hit rate and mean reciprocal rank."""
        ranks = np.array(self._ranks)
        return float((ranks > 0).mean()), float(ranks.mean())

    def curve(self, points: int) -> list[float]:
        """Hit rates of as many parts of equal length, in order."""
        return [float((part > 0).mean()) for part in np.array_split(self._ranks, points)]

    def __str__(self) -> str:
        return "{:.4f} / {:.4f}".format(*self.shares)


class Clock:
    """CPU seconds of events, each begun and ended."""

    def __init__(self) -> None:
        self._spent: list[float] = []
        self._begun = 0.0

    def __enter__(self) -> None:
        self._begun = time.process_time()

    def __exit__(self, *_: object) -> None:
        self._spent.append(time.process_time() - self._begun)

    @property
    def records_per_s(self) -> float:
        """Events in a second of CPU."""
        return 1 / float(np.mean(self._spent))

    @property
    def p99_ms(self) -> float:
        """CPU milliseconds that 99 of 100 events stay within."""
        return float(np.quantile(self._spent, 0.99)) * 1e3

    def __str__(self) -> str:
        return f"{self.records_per_s:,.0f} records/s, p99 {self.p99_ms:.2f} ms of CPU"


class Favourites:
    """The baseline: items by how often they were had, without those the user has had."""

    def __init__(self, users: int, items: int) -> None:
        self._counts: NDArray[np.int64] = np.zeros(items, np.int64)
        self._had: NDArray[np.bool_] = np.zeros((users, items), np.bool_)

    def rank(self, user: int, item: int) -> float:
        """The rank of an item for a user, of equal ones the middle; infinite for a new item."""
        if not self._counts[item]:
            return float("inf")
        counts = np.where(self._had[user], 0, self._counts)
        mine = counts[item]
        if not mine:
            return float("inf")
        return float((counts > mine).sum() + ((counts == mine).sum() + 1) / 2)

    def add(self, user: int, item: int) -> None:
        """Count an item that a user had."""
        self._counts[item] += 1
        self._had[user, item] = True
