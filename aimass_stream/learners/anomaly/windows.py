"""The latest rows, and when it is time to fit something on them again."""

from __future__ import annotations

import numpy as np

from aimass_stream.learner import Snapshot
from aimass_stream.learners.features import Floats

_FIRST = 64


class SlidingWindow:
    """Rows up to a number, due for a fit at fixed counts.

    A fit is due after 64, 128, 256, ... rows, and then every `refit` rows.

    Args:
        columns: of a row.
        kept: rows, at the most.
        refit: rows from one fit to the next.

    Attributes:
        rows: `(up to kept, columns)` float64, oldest first.
    """

    def __init__(self, columns: int, kept: int, refit: int) -> None:
        self._kept, self._refit = kept, refit
        self._learnt = 0
        self.rows: Floats = np.empty((0, columns))

    def add(self, rows: Floats) -> bool:
        """Add rows; whether a fit became due among them."""
        before = self._learnt
        self._learnt += len(rows)
        self.rows = np.concatenate([self.rows, rows])[-self._kept :]
        return self._learnt >= self._next(before)

    def snapshot(self) -> Snapshot:
        """The rows and their count."""
        return Snapshot({"window": self.rows}, {"learnt": self._learnt})

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down."""
        self.rows = snapshot.arrays["window"].astype(np.float64)
        self._learnt = snapshot.data["learnt"]

    def _next(self, learnt: int) -> int:
        regular = (learnt // self._refit + 1) * self._refit
        if learnt >= self._refit:
            return regular
        return min(regular, _FIRST << (learnt // _FIRST).bit_length())
