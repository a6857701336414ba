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
from aimass_stream.learners.anomaly.judges import Look, RankedEye
from aimass_stream.learners.anomaly.state import DetectorState, features_of
from aimass_stream.learners.anomaly.windows import SlidingWindow
from aimass_stream.learners.features import Column, Floats, cut_columns


class TailsEye:
    """Tail probabilities by the window in force.

    Args:
        detector: the declaration.
        columns: of a row.
    """

    def __init__(self, detector: TailsDetector, columns: Sequence[Column]) -> None:
        self._cut = cut_columns(columns)
        self._window = SlidingWindow(
            len(self._cut), detector.window_records, detector.refit_records
        )
        self._sorted: NDArray[np.complex128] | None = None
        self._skew: Floats = np.zeros(len(self._cut))

    def score(self, look: Look) -> Floats:
        """`(rows,)` float64, 0 and more; NaN before the first window."""
        if self._sorted is None:
            return np.full(len(look.values), np.nan)
        rows, known = _apart(look.values.take(self._cut, axis=1)), self._sorted
        records = len(known) // max(rows.shape[1], 1)
        first = np.arange(rows.shape[1]) * records
        low = known.searchsorted(rows, side="right") - first
        high = first + records - known.searchsorted(rows, side="left")
        left = -np.log((low + 1.0) / (records + 1.0))
        right = -np.log((high + 1.0) / (records + 1.0))
        left, right = np.maximum(left, 0.0), np.maximum(right, 0.0)
        skewed = np.where(self._skew < 0, left, right)
        furthest: Floats = np.stack((left, right, skewed)).sum(axis=2).max(axis=0)
        return furthest

    def learn(self, look: Look) -> None:
        """Move the window; sort again where it is time."""
        if self._window.add(look.values.take(self._cut, axis=1)):
            self._sort()

    def snapshot(self) -> Snapshot:
        """The window, and what is in force."""
        window = self._window.snapshot()
        arrays: dict[str, NDArray[np.generic]] = dict(window.arrays)
        if self._sorted is not None:
            columns = self._sorted.imag.reshape(len(self._cut), -1)
            arrays |= {"sorted": np.ascontiguousarray(columns.T), "skew": self._skew}
        return Snapshot(arrays, window.data)

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down."""
        self._window.restore(snapshot)
        self._sorted = None
        if "sorted" in snapshot.arrays:
            self._sorted = _in_order(snapshot.arrays["sorted"].astype(np.float64))
            self._skew = snapshot.arrays["skew"].astype(np.float64)

    def _sort(self) -> None:
        rows = self._window.rows
        away = rows - rows.mean(axis=0)
        self._sorted, self._skew = _in_order(np.sort(rows, axis=0)), (away**3).mean(axis=0)


def _apart(rows: Floats) -> NDArray[np.complex128]:
    """Values, `(rows, columns)`, as numbers that are ordered by column first.

    Complex numbers are ordered by their real part, then by the other, so one search among all
    finds a row's place in every column.
    """
    numbers = np.empty(rows.shape, np.complex128)
    numbers.real, numbers.imag = np.arange(rows.shape[1]), rows
    return numbers


def _in_order(columns: Floats) -> NDArray[np.complex128]:
    """Sorted columns, one behind the other: `(rows * columns,)`."""
    return _apart(columns).T.ravel()


class TailsState(DetectorState):
    """The `LearnerState` of `TailsDetector`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        detector = TailsDetector("state", **settings)
        features = features_of(detector)
        eye = TailsEye(detector, features.columns)
        super().__init__(detector, RankedEye(eye, detector.compared_records), features)
