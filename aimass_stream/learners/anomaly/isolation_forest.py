"""IsolationForest on a sliding window, refitted beside the stream.

A forest is a function of its window and its number, so a snapshot holds windows and no trees:
a restored state fits them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Snapshot
from aimass_stream.learners.anomaly.detectors import IsolationForestDetector
from aimass_stream.learners.anomaly.forest import Forest
from aimass_stream.learners.anomaly.judges import Look, RankedEye
from aimass_stream.learners.anomaly.state import DetectorState, features_of
from aimass_stream.learners.features import Column, Floats, cut_columns
from aimass_stream.learners.refits import Refits

_FIRST_FIT = 64


class IsolationForestEye:
    """Isolation depth in the forest in force, one thread beside the stream for the next.

    Args:
        detector: the declaration.
        columns: of a row.
    """

    def __init__(self, detector: IsolationForestDetector, columns: Sequence[Column]) -> None:
        self._detector = detector
        self._cut = cut_columns(columns)
        self._refits: Refits[Forest] = Refits("isolation-forest", self._fit, self._due)
        self._window: NDArray[np.float32] = np.empty((0, len(self._cut) + 1), np.float32)
        self._learnt = 0

    def score(self, look: Look) -> Floats:
        """Isolation scores, 0 to 1, waiting for a forest that is due; NaN before the first."""
        forest = self._refits.in_force
        if forest is None:
            return np.full(len(look.values), np.nan)
        return forest.score(self._rows(look))

    def learn(self, look: Look) -> None:
        """Move the window over rows, beginning the refits that fall among them."""
        rows = self._rows(look)
        while len(rows):
            now = rows[: self._next_refit(self._learnt) - self._learnt]
            rows = rows[len(now) :]
            self._window = np.concatenate([self._window, now])[-self._detector.window_records :]
            self._learnt += len(now)
            if self._next_refit(self._learnt - len(now)) == self._learnt:
                self._refits.begin(self._learnt, self._window)
        self._refits.advance(self._learnt)

    def snapshot(self) -> Snapshot:
        """The sliding window, and those of the forest in force and of refits under way."""
        arrays, data = self._refits.snapshot()
        return Snapshot({"window": self._window, **arrays}, {"learnt": self._learnt, **data})

    def restore(self, snapshot: Snapshot) -> None:
        """Begin the refits again that were in force and under way."""
        self._window = snapshot.arrays["window"].astype(np.float32)
        self._learnt = snapshot.data["learnt"]
        self._refits.restore(snapshot)

    def _rows(self, look: Look) -> NDArray[np.float32]:
        """What forests see: the columns to cut, and how far the row is from usual in all."""
        spreads = look.spreads.take(self._cut, axis=1)
        away = np.sqrt((spreads * spreads).sum(axis=1, keepdims=True))
        return np.hstack([look.values.take(self._cut, axis=1), away]).astype(np.float32)

    def _next_refit(self, learnt: int) -> int:
        """The first count of records above `learnt` that a forest is fitted at."""
        every = self._detector.refit_records
        regular = (learnt // every + 1) * every
        if learnt >= every:
            return regular
        return min(regular, _FIRST_FIT << (learnt // _FIRST_FIT).bit_length())

    def _due(self, behind: int) -> int:
        return behind + min(self._detector.delay_records, behind // 4)

    def _fit(self, window: NDArray[np.float32], behind: int) -> Forest:
        told = self._detector
        seed = (told.seed * 1_000_003 + behind) % 2**32
        return Forest.fit(window, told.trees, told.tree_records, seed)


class IsolationForestState(DetectorState):
    """The `LearnerState` of `IsolationForestDetector`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        detector = IsolationForestDetector("state", **settings)
        features = features_of(detector)
        eye = IsolationForestEye(detector, features.columns)
        super().__init__(detector, RankedEye(eye, detector.compared_records), features)
