"""How often cells of the map are entered."""

from __future__ import annotations

from collections import OrderedDict
from itertools import chain
from math import log2

import numpy as np
from numpy.typing import NDArray

_OWN_SHARE = 0.9
_TRUSTED = 20
_ENTRIES_A_CELL = 10


class Cells:
    """Counts of entries; when they are ten for each cell that is kept, all are halved.

    Args:
        kept: cells; the longest not entered go first.

    Attributes:
        total: of all counts.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._counts: OrderedDict[int, int] = OrderedDict()
        self.total = 0

    def __len__(self) -> int:
        """How many cells are known."""
        return len(self._counts)

    def __getitem__(self, cell: int) -> int:
        """How often a cell was entered."""
        return self._counts.get(cell, 0)

    def enter(self, cell: int) -> None:
        """Count an entry."""
        self._counts[cell] = self._counts.get(cell, 0) + 1
        self._counts.move_to_end(cell)
        self.total += 1
        if len(self._counts) > self._kept:
            self.total -= self._counts.popitem(last=False)[1]
        if self.total > _ENTRIES_A_CELL * self._kept:
            self._counts = OrderedDict((it, n // 2) for it, n in self._counts.items() if n > 1)
            self.total = sum(self._counts.values())

    def snapshot(self) -> NDArray[np.int64]:
        """`(cells, 2)` int64: each cell and its count, the longest not entered first."""
        flat = chain.from_iterable(self._counts.items())
        return np.fromiter(flat, np.int64, 2 * len(self._counts)).reshape(-1, 2)

    def restore(self, rows: NDArray[np.generic]) -> None:
        """Have what was laid down."""
        self._counts = OrderedDict((cell, count) for cell, count in rows.tolist())
        self.total = sum(self._counts.values())


def surprise(cell: int, own: Cells, all_users: Cells) -> int:
    """How unexpected it is, in whole bits, that a user enters a cell.

    By the user's own entries, mixed with those of all, the more so the fewer the user has
    (Jelinek and Mercer 1980). In whole bits, so that one news is as unusual as another.
    """
    known = (all_users[cell] + 1) / (all_users.total + len(all_users) + 1)
    trust = _OWN_SHARE * own.total / (own.total + _TRUSTED)
    share = own[cell] / max(own.total, 1)
    return round(-log2(trust * share + (1 - trust) * known))
