"""How strongly items go with items: for each item, the strongest others, fading with time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learners.recommendation.growing import grown

Slots = NDArray[np.int32]
Weights = NDArray[np.float32]
Rows = NDArray[np.int64]


class Kind(NamedTuple):
    """One of the weights that a pair has.

    Attributes:
        half_life: additions to a row after which an entry of it weighs half.
        both_ways: whether it is added to the rows of both items, or of the earlier one only.
    """

    half_life: float
    both_ways: bool = False


class Pairs:
    """A sparse matrix with as many entries a row as there is room, and several weights each.

    A row fades with each addition to it and not with time, so a rare item's row lasts while a
    popular one's follows the trend. A new entry takes the place of the one whose weights are
    least, all kinds together.

    Args:
        room: entries of a row.
        kinds: of weights.
    """

    def __init__(self, room: int, kinds: Sequence[Kind]) -> None:
        fading = np.array([0.5 ** (1 / kind.half_life) for kind in kinds], np.float32)
        back = np.array([kind.both_ways for kind in kinds])
        self._fading: Weights = fading[:, None]
        self._fading_back: Weights = np.where(back, fading, np.float32(1))[:, None]
        self._back: Weights = back.astype(np.float32)[:, None]
        # Where the weights of each kind begin in a row.
        self._starts: Rows = np.arange(len(kinds))[:, None] * room
        self._ids: Slots = np.full((0, room), -1, np.int32)
        self._weights: Weights = np.zeros((0, len(kinds), room), np.float32)

    def fit(self, items: int) -> None:
        """Have a row for each of so many items."""
        self._ids = grown(self._ids, items, -1)
        self._weights = grown(self._weights, items, 0)

    def add(self, earlier: Rows, item: int, weights: Weights) -> None:
        """Add an item to the rows of earlier ones, and these to its own where that is due.

        Args:
            earlier: `(n,)` int64 items, each once, none of them `item`; no more than a row has.
            item: what came after them.
            weights: `(kinds, n)` float32.
        """
        self._add_to_rows(earlier, item, weights)
        self._add_to_row(item, earlier, weights * self._back)

    def _add_to_rows(self, rows: Rows, column: int, weights: Weights) -> None:
        ids = self._ids.take(rows, axis=0)
        held = self._weights.take(rows, axis=0)
        held *= self._fading
        there = ids == column
        rank = np.add.reduce(held, axis=1)
        rank[there] = -1.0  # below every other, all of which are 0 or more
        places = rank.argmin(axis=1)
        lines = np.arange(len(rows))
        known = there[lines, places]
        kinds, room = held.shape[1:]
        cells = lines * (kinds * room) + places + self._starts
        flat = held.ravel()
        flat[cells] = flat.take(cells) * known + weights
        self._ids[rows, places] = column
        self._weights[rows] = held

    def _add_to_row(self, row: int, columns: Rows, weights: Weights) -> None:
        ids, held = self._ids[row], self._weights[row]
        held *= self._fading_back
        there = ids == columns[:, None]
        known, taken = there.nonzero()
        held[:, taken] += weights[:, known]
        if len(known) == len(columns):
            return
        # The others take the places of the weakest that are not among the columns.
        total = np.add.reduce(held, axis=0)
        total[taken] = np.inf
        free = total.argsort(kind="stable")[: len(columns) - len(known)]
        new = np.ones(len(columns), np.bool_)
        new[known] = False
        ids[free], held[:, free] = columns[new], weights[:, new]

    def of(self, rows: Rows, weights: Weights) -> tuple[Slots, NDArray[np.float64]]:
        """Entries of some rows, each kind times its row's weight.

        Args:
            rows: `(n,)` int64 items.
            weights: `(kinds, n)` float32.

        Returns:
            `(n * room,)` ids, of which some come more than once and some are -1, for none; and
            `(kinds, n * room)` votes.
        """
        held = self._weights.take(rows, axis=0).swapaxes(0, 1)
        votes = np.multiply(held, weights[:, :, None], dtype=np.float64, order="C")
        return self._ids.take(rows, axis=0).ravel(), votes.reshape(len(votes), -1)

    def forget(self, slots: Slots | Rows) -> None:
        """Empty the rows of items, and take them out of others."""
        gone = np.isin(self._ids, slots)
        gone[slots] = True
        self._ids[gone] = -1
        self._weights.swapaxes(1, 2)[gone] = 0

    def snapshot(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
        """Arrays and plain data."""
        return {"ids": self._ids.copy(), "weights": self._weights.copy()}, {}

    def restore(self, arrays: Mapping[str, NDArray[Any]], data: Mapping[str, Any]) -> None:
        """Have what was laid down."""
        self._ids = arrays["ids"].astype(np.int32)
        self._weights = arrays["weights"].astype(np.float32)
