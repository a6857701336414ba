"""How far out in the tails of its columns a row lies.

Li et al., "ECOD: Unsupervised Outlier Detection Using Empirical Cumulative Distribution
Functions", TKDE 2022, on a sliding window: of each column the share of earlier values that are
at least as low, and as high; logarithms are added up over columns, of the low tails, the high
ones and the longer ones by skewness, and the largest sum counts. Nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Snapshot
from aimass_stream.learners.anomaly.detectors import TailsDetector
from aimass_stream.learners.anomaly.state import DetectorState, Look, features_of
from aimass_stream.learners.anomaly.windows import SlidingWindow
from aimass_stream.learners.features import Column, Floats


class TailsEye:
    """Tail probabilities by the window in force.

    Args:
        detector: the declaration.
        columns: of a row.
    """

    def __init__(self, detector: TailsDetector, columns: Sequence[Column]) -> None:
        self._cut = np.array([not column.flag for column in columns])
        self._window = SlidingWindow(
            int(self._cut.sum()), detector.window_records, detector.refit_records
        )
        self._sorted: Floats | None = None
        self._skew: Floats = np.zeros(int(self._cut.sum()))

    def score(self, look: Look) -> Floats:
        """`(rows,)` float64, 0 and more; NaN before the first window."""
        if self._sorted is None:
            return np.full(len(look.values), np.nan)
        rows, known = look.values[:, self._cut], self._sorted
        count = len(known) + 1.0
        columns = range(rows.shape[1])
        low = [np.searchsorted(known[:, i], rows[:, i], side="right") for i in columns]
        high = [len(known) - np.searchsorted(known[:, i], rows[:, i], side="left") for i in columns]
        left = -np.log((np.stack(low, axis=1) + 1.0) / count)
        right = -np.log((np.stack(high, axis=1) + 1.0) / count)
        left, right = np.maximum(left, 0.0), np.maximum(right, 0.0)
        skewed = np.where(self._skew < 0, left, right)
        sums = [part.sum(axis=1) for part in (left, right, skewed)]
        furthest: Floats = np.max(sums, axis=0)
        return furthest

    def learn(self, look: Look) -> None:
        """Move the window; sort again where it is time."""
        if self._window.add(look.values[:, self._cut]):
            self._sort()

    def snapshot(self) -> Snapshot:
        """The window, and what is in force."""
        window = self._window.snapshot()
        arrays: dict[str, NDArray[np.generic]] = dict(window.arrays)
        if self._sorted is not None:
            arrays |= {"sorted": self._sorted, "skew": self._skew}
        return Snapshot(arrays, window.data)

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down."""
        self._window.restore(snapshot)
        self._sorted = None
        if "sorted" in snapshot.arrays:
            self._sorted = snapshot.arrays["sorted"].astype(np.float64)
            self._skew = snapshot.arrays["skew"].astype(np.float64)

    def _sort(self) -> None:
        rows = self._window.rows
        away = rows - rows.mean(axis=0)
        self._sorted, self._skew = np.sort(rows, axis=0), (away**3).mean(axis=0)


class TailsState(DetectorState):
    """The `LearnerState` of `TailsDetector`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        detector = TailsDetector("state", **settings)
        features = features_of(detector)
        super().__init__(detector, TailsEye(detector, features.columns), features)
