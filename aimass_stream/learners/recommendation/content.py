"""What is like what by content: for each item, the nearest others by the cosine of embeddings.

Neighbours are searched, exactly, when an item is described, and not when one is recommended: an
answer costs the same however many items there are. What exact search costs is one product of a
matrix and a vector for each description.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learners.recommendation.growing import grown

Slots = NDArray[np.int32]
Rows = NDArray[np.int64]
Singles = NDArray[np.float32]


class Content:
    """Embeddings of items, and of each item the nearest others.

    Args:
        dimensions: of an embedding; 0 where items have none.
        room: neighbours of an item.
    """

    def __init__(self, dimensions: int, room: int) -> None:
        self._vectors: Singles = np.zeros((0, dimensions), np.float32)
        self._ids: Slots = np.full((0, room), -1, np.int32)
        self._likeness: Singles = np.zeros((0, room), np.float32)

    def fit(self, items: int) -> None:
        """Have a row for each of so many items."""
        self._vectors = grown(self._vectors, items, 0)
        self._ids = grown(self._ids, items, -1)
        self._likeness = grown(self._likeness, items, 0)

    def put(self, slot: int, vector: Singles) -> None:
        """An item's embedding is this now, `(dimensions,)` of unit length."""
        if self._vectors[slot].any():
            self.forget(np.array([slot], np.int32))
        cosines = self._vectors @ vector
        self._vectors[slot] = vector
        room = self._ids.shape[1]
        near = (-cosines).argpartition(room)[:room] if room < len(cosines) else cosines.argsort()
        near = near[cosines.take(near) > 0]
        alike = cosines.take(near)
        self._ids[slot, : len(near)] = near
        self._likeness[slot, : len(near)] = alike
        weakest = self._likeness.take(near, axis=0).argmin(axis=1)
        nearer = alike > self._likeness[near, weakest]
        self._ids[near[nearer], weakest[nearer]] = slot
        self._likeness[near[nearer], weakest[nearer]] = alike[nearer]

    def of(self, rows: Rows, weights: Singles) -> tuple[Slots, NDArray[np.float64]]:
        """Neighbours of some items.

        Args:
            rows: `(n,)` items.
            weights: `(n,)` of these.

        Returns:
            `(n * room,)` ids, of which some come more than once and some are -1, for none; and
            their votes: cosines times weights.
        """
        votes = np.multiply(
            self._likeness.take(rows, axis=0), weights[:, None], dtype=np.float64
        ).ravel()
        return self._ids.take(rows, axis=0).ravel(), votes

    def forget(self, slots: Slots) -> None:
        """Drop embeddings, and take the items out of the rows of others."""
        gone = np.isin(self._ids, slots)
        gone[slots] = True
        self._ids[gone] = -1
        self._likeness[gone] = 0
        self._vectors[slots] = 0

    def snapshot(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
        """Arrays and plain data."""
        return {
            "vectors": self._vectors.copy(),
            "ids": self._ids.copy(),
            "likeness": self._likeness.copy(),
        }, {}

    def restore(self, arrays: Mapping[str, NDArray[Any]], data: Mapping[str, Any]) -> None:
        """Have what was laid down."""
        self._vectors = arrays["vectors"].astype(np.float32)
        self._ids = arrays["ids"].astype(np.int32)
        self._likeness = arrays["likeness"].astype(np.float32)
