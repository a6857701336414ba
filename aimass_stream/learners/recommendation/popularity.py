"""What is popular, over a long while and just now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learners.recommendation.growing import grown

Slots = NDArray[np.int32]

_LARGEST = 1e12
_POOL_EVERY = 32


class Popularity:
    """Fading counts of all items, and a pool of those that lead.

    The pool is chosen anew every 32 events, since to look for it costs a pass over all items;
    within it, counts are of now.

    Args:
        half_life: events after which a count is half.
        pool: items in the pool.
    """

    def __init__(self, half_life: float, pool: int) -> None:
        self._growth = 2 ** (1 / half_life)
        self._size = pool
        self._now = 1.0
        self._events = 0
        self._counts: NDArray[np.float64] = np.zeros(0)
        self._pool: Slots = np.empty(0, np.int32)

    def fit(self, items: int) -> None:
        """Count so many items."""
        self._counts = grown(self._counts, items, 0)

    def add(self, item: int) -> None:
        """Count an item."""
        self._now *= self._growth
        self._counts[item] += self._now
        if self._now > _LARGEST:
            self._counts /= self._now
            self._now = 1.0
        self._events += 1
        if self._events % _POOL_EVERY == 0 or self._events < 4 * _POOL_EVERY:
            self._choose()

    def leading(self) -> tuple[Slots, NDArray[np.float64]]:
        """The pool, and how often each was seen, fading."""
        return self._pool, self._counts[self._pool] / self._now

    def of(self, slots: Slots) -> NDArray[np.float64]:
        """How often items were seen, fading."""
        counts: NDArray[np.float64] = self._counts[slots] / self._now
        return counts

    def forget(self, slots: Slots) -> None:
        """Count items from nothing again."""
        self._counts[slots] = 0
        self._choose()

    def _choose(self) -> None:
        seen = np.count_nonzero(self._counts)
        if seen > 2 * self._size:
            near = np.argpartition(-self._counts, self._size)[: self._size]
            self._pool = np.sort(near).astype(np.int32)
        else:
            self._pool = np.argsort(-self._counts, kind="stable")[: min(seen, self._size)].astype(
                np.int32
            )

    def snapshot(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
        """Arrays and plain data."""
        arrays: dict[str, NDArray[np.generic]] = {
            "counts": self._counts.copy(),
            "pool": self._pool.copy(),
        }
        return arrays, {"now": self._now, "events": self._events}

    def restore(self, arrays: Mapping[str, NDArray[Any]], data: Mapping[str, Any]) -> None:
        """Have what was laid down."""
        self._counts = arrays["counts"].astype(np.float64)
        self._pool = arrays["pool"].astype(np.int32)
        self._now, self._events = data["now"], data["events"]
