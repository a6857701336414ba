"""What is popular, over a long while and just now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learners.recommendation.growing import grown

Slots = NDArray[np.int32]

_LARGEST = 1e12


class Popularity:
    """Fading counts of all items, and a pool of those that lead.

    All counts fade alike, so an item comes to lead only when it is counted; the pool is kept
    without a look at the others.

    Args:
        half_life: events after which a count is half.
        pool: items in the pool.
    """

    def __init__(self, half_life: float, pool: int) -> None:
        self._growth = 2 ** (1 / half_life)
        self._size = pool
        self._now = 1.0
        self._counts: NDArray[np.float64] = np.zeros(0)
        self._leads: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._pool: Slots = np.empty(0, np.int32)

    def fit(self, items: int) -> None:
        """Count so many items."""
        self._counts = grown(self._counts, items, 0)
        self._leads = grown(self._leads, items, 0)

    def add(self, item: int) -> None:
        """Count an item."""
        self._now *= self._growth
        self._counts[item] += self._now
        if self._now > _LARGEST:
            self._counts /= self._now
            self._now = 1.0
        if self._leads[item]:
            return
        if len(self._pool) < self._size:
            self._pool = np.append(self._pool, np.int32(item))
            self._leads[item] = True
            return
        counts = self._counts[self._pool]
        weakest = int(counts.argmin())
        if self._counts[item] > counts[weakest]:
            self._leads[self._pool[weakest]] = False
            self._leads[item] = True
            self._pool[weakest] = item

    def leading(self) -> tuple[Slots, NDArray[np.float64]]:
        """The pool, and how often each was seen, fading."""
        return self._pool, self._counts.take(self._pool) * (1 / self._now)

    def of(self, slots: NDArray[np.int64]) -> NDArray[np.float64]:
        """How often items were seen, fading."""
        counts: NDArray[np.float64] = self._counts.take(slots)
        counts *= 1 / self._now
        return counts

    def forget(self, slots: Slots) -> None:
        """Count items from nothing again."""
        self._counts[slots] = 0
        near = np.argsort(-self._counts, kind="stable")[: self._size]
        self._choose(near[self._counts[near] > 0].astype(np.int32))

    def _choose(self, pool: Slots) -> None:
        self._pool = pool
        self._leads = np.zeros(len(self._counts), np.bool_)
        self._leads[pool] = True

    def snapshot(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
        """Arrays and plain data."""
        arrays: dict[str, NDArray[np.generic]] = {
            "counts": self._counts.copy(),
            "pool": self._pool.copy(),
        }
        return arrays, {"now": self._now}

    def restore(self, arrays: Mapping[str, NDArray[Any]], data: Mapping[str, Any]) -> None:
        """Have what was laid down."""
        self._counts = arrays["counts"].astype(np.float64)
        self._choose(arrays["pool"].astype(np.int32))
        self._now = data["now"]
