"""Robust Mahalanobis distance: how far a row is from the concentrated part of a window.

Rousseeuw and Van Driessen, "A Fast Algorithm for the Minimum Covariance Determinant Estimator",
Technometrics 1999: from a start, mean and covariance are taken again and again over the share of
rows that are nearest by the last ones, until anomalies no longer widen what is usual. The start
is the median and the spread of ranks, so nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Snapshot
from aimass_stream.learners.anomaly.detectors import MahalanobisDetector
from aimass_stream.learners.anomaly.judges import Look, RankedEye
from aimass_stream.learners.anomaly.state import DetectorState, features_of
from aimass_stream.learners.anomaly.windows import SlidingWindow
from aimass_stream.learners.arrays import row_products
from aimass_stream.learners.features import Column, Floats

_STEPS = 8
_RIDGE = 1e-3


class MahalanobisEye:
    """Squared distance by the centre and covariance in force.

    Args:
        detector: the declaration.
        columns: of a row.
    """

    def __init__(self, detector: MahalanobisDetector, columns: Sequence[Column]) -> None:
        self._share = detector.concentrated
        self._window = SlidingWindow(len(columns), detector.window_records, detector.refit_records)
        self._fitted: tuple[Floats, Floats] | None = None

    def score(self, look: Look) -> Floats:
        """`(rows,)` float64; NaN before the first fit."""
        if self._fitted is None:
            return np.full(len(look.values), np.nan)
        centre, whitening = self._fitted
        away = row_products(look.values - centre, whitening)
        scores: Floats = (away * away).sum(axis=1)
        return scores

    def learn(self, look: Look) -> None:
        """Move the window; fit again where it is time."""
        if self._window.add(look.values):
            self._fitted = concentrate(self._window.rows, self._share)

    def snapshot(self) -> Snapshot:
        """The window, and what is in force."""
        window = self._window.snapshot()
        arrays: dict[str, NDArray[np.generic]] = dict(window.arrays)
        if self._fitted is not None:
            arrays |= {"centre": self._fitted[0], "whitening": self._fitted[1]}
        return Snapshot(arrays, window.data)

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down."""
        self._window.restore(snapshot)
        self._fitted = None
        if "centre" in snapshot.arrays:
            arrays = snapshot.arrays
            self._fitted = (
                arrays["centre"].astype(np.float64),
                arrays["whitening"].astype(np.float64),
            )


def concentrate(rows: Floats, share: float) -> tuple[Floats, Floats]:
    """Centre and whitening matrix of the concentrated part of rows.

    Args:
        rows: `(n, columns)` float64.
        share: of the rows that the estimate rests on, 0.5 to 1.

    Returns:
        `(columns,)` and `(columns, columns)`: `(row - centre) @ whitening` has unit covariance
        where the rows lie densely.
    """
    centre = np.median(rows, axis=0)
    spread = rows.std(axis=0)
    middle = np.median(np.abs(rows - centre), axis=0)
    # A column that is mostly one value has no spread in its middle.
    scale = np.where(middle > 1e-3 * spread, 1.4826 * middle, spread)
    scale = np.where(scale > 0, scale, 1.0)
    scaled = (rows - centre) / scale
    distance = (scaled * scaled).sum(axis=1)
    kept = max(int(share * len(rows)), 1)
    mean, whitening = np.zeros(rows.shape[1]), np.eye(rows.shape[1])
    for _ in range(_STEPS):
        near = scaled[np.argpartition(distance, kept - 1)[:kept]]
        mean = near.mean(axis=0)
        covariance = np.cov(near, rowvar=False, bias=True).reshape(len(mean), len(mean))
        values, vectors = np.linalg.eigh(covariance + _RIDGE * np.eye(len(mean)))
        whitening = vectors / np.sqrt(np.maximum(values, _RIDGE))
        away = (scaled - mean) @ whitening
        distance = (away * away).sum(axis=1)
    return centre + mean * scale, whitening / scale[:, None]


class MahalanobisState(DetectorState):
    """The `LearnerState` of `MahalanobisDetector`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        detector = MahalanobisDetector("state", **settings)
        features = features_of(detector)
        eye = MahalanobisEye(detector, features.columns)
        super().__init__(detector, RankedEye(eye, detector.compared_records), features)
