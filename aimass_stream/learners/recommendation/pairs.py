"""How strongly items go with items: for each item, the strongest others, fading with time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learners.recommendation.growing import grown

Slots = NDArray[np.int32]
Weights = NDArray[np.float32]


class Pairs:
    """A sparse matrix of weights with as many entries a row as there is room.

    A row fades with each addition to it and not with time, so a rare item's row lasts while a
    popular one's follows the trend. A new entry takes the place of a row's weakest.

    Args:
        room: entries of a row.
        half_life: additions to a row after which an entry of it weighs half.
    """

    def __init__(self, room: int, half_life: float) -> None:
        self._room = room
        self._fading = np.float32(0.5 ** (1 / half_life))
        self._ids: Slots = np.full((0, room), -1, np.int32)
        self._weights: Weights = np.zeros((0, room), np.float32)

    def fit(self, items: int) -> None:
        """Have a row for each of so many items."""
        self._ids = grown(self._ids, items, -1)
        self._weights = grown(self._weights, items, 0)

    def add(self, rows: Slots, column: int, weights: Weights) -> None:
        """Add to one column of several rows, each row once."""
        ids, held = self._ids[rows], self._weights[rows] * self._fading
        there = ids == column
        places = np.where(there.any(axis=1), there.argmax(axis=1), held.argmin(axis=1))
        lines = np.arange(len(rows))
        before = np.where(ids[lines, places] == column, held[lines, places], 0)
        held[lines, places] = before + weights
        self._ids[rows, places] = column
        self._weights[rows] = held

    def add_to_row(self, row: int, columns: Slots, weights: Weights) -> None:
        """Add to several columns of one row, each column once, no more of them than room."""
        ids, held = self._ids[row], self._weights[row]
        held *= self._fading
        there = ids == columns[:, None]
        known = there.any(axis=1)
        places = there.argmax(axis=1)
        held[places[known]] += weights[known]
        # The others take the places of the weakest that are not among the columns.
        weakest = np.argsort(np.where(there.any(axis=0), np.inf, held), kind="stable")
        free = weakest[: len(columns) - int(known.sum())]
        ids[free], held[free] = columns[~known], weights[~known]

    def of(self, rows: Slots, weights: Weights) -> tuple[Slots, NDArray[np.float64]]:
        """Entries of some rows, each times its row's weight; ids may come more than once."""
        ids = self._ids[rows]
        values = self._weights[rows] * weights[:, None]
        there = ids >= 0
        return ids[there], values[there].astype(np.float64)

    def forget(self, slots: Slots) -> None:
        """Empty the rows of items, and take them out of others."""
        gone = np.isin(self._ids, slots)
        gone[slots] = True
        self._ids[gone] = -1
        self._weights[gone] = 0

    def snapshot(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
        """Arrays and plain data."""
        return {"ids": self._ids.copy(), "weights": self._weights.copy()}, {}

    def restore(self, arrays: Mapping[str, NDArray[Any]], data: Mapping[str, Any]) -> None:
        """Have what was laid down."""
        self._ids = arrays["ids"].astype(np.int32)
        self._weights = arrays["weights"].astype(np.float32)
