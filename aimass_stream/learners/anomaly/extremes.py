"""How far beyond the tails of its columns a record lies, by extreme value theory.

Siffer, Fouque, Termier and Largouet, "Anomaly Detection in Streams with Extreme Value Theory",
KDD 2017: what exceeds a high quantile is taken for generalised Pareto, so that a probability can
be said of values far beyond all that were seen, where a share of earlier records is the same for
the unusual and the extraordinary. Parameters by the method of moments (Hosking and Wallis 1987).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Snapshot
from aimass_stream.learners.anomaly.detectors import ExtremesDetector
from aimass_stream.learners.anomaly.judges import CertainEye, Look
from aimass_stream.learners.anomaly.state import DetectorState, features_of
from aimass_stream.learners.anomaly.windows import SlidingWindow
from aimass_stream.learners.features import Column, Floats

_TAIL = 0.05
_LEAST_IN_TAIL = 8
_LEAST_SCALE = 0.4
_HEAVIEST = 0.5
_NEWS = 1e-3
_LEAST_CHANCE = 1e-12


class ExtremesEye:
    """1 less the probability that any column lies so far out, on either side.

    Args:
        detector: the declaration.
        columns: of a row.
    """

    def __init__(self, detector: ExtremesDetector, columns: Sequence[Column]) -> None:
        # What hours and kinds there are is no extreme.
        looked_at = [column.spoken and not column.flag for column in columns]
        self._looked_at = np.flatnonzero(looked_at)
        sides = 2 * len(self._looked_at)
        self._window = SlidingWindow(sides, detector.window_records, detector.refit_records)
        self._tails: Floats | None = None

    def score(self, look: Look) -> Floats:
        """`(rows,)` float64, 0 to 1; NaN before the first fit."""
        if self._tails is None:
            return np.full(len(look.spreads), np.nan)
        sides = self._sides(look)
        # The least of n chances is no larger than c in n·c of cases (Bonferroni).
        least = _chances(self._tails, sides).min(axis=1) * sides.shape[1]
        scores: Floats = 1 - np.minimum(least, 1.0)
        return scores

    def learn(self, look: Look) -> None:
        """Move the window; fit again where it is time."""
        sides = self._sides(look)
        if self._tails is not None:
            # An extreme widens its tail a little, so that what lasts becomes usual in time.
            sides = np.minimum(sides, _level(self._tails, _NEWS))
        if self._window.add(sides):
            self._tails = fit_tails(self._window.rows)

    def snapshot(self) -> Snapshot:
        """The window, and what is in force."""
        window = self._window.snapshot()
        arrays: dict[str, NDArray[np.generic]] = dict(window.arrays)
        if self._tails is not None:
            arrays["tails"] = self._tails
        return Snapshot(arrays, window.data)

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down."""
        self._window.restore(snapshot)
        tails = snapshot.arrays.get("tails")
        self._tails = None if tails is None else tails.astype(np.float64)

    def _sides(self, look: Look) -> Floats:
        """Spreads from the mean, upwards and downwards: `(rows, sides)`."""
        spreads = look.spreads.take(self._looked_at, axis=1)
        return np.concatenate([spreads, -spreads], axis=1)


def fit_tails(rows: Floats) -> Floats:
    """The upper tail of each column.

    Args:
        rows: `(n, columns)` float64, in spreads.

    Returns:
        `(4, columns)`: where the tail starts, the share of rows in it, and shape and scale of
        the generalised Pareto distribution of what is beyond.
    """
    share = max(_TAIL, min(_LEAST_IN_TAIL / len(rows), 0.5))
    start = np.quantile(rows, 1 - share, axis=0)
    beyond = np.where(rows > start, rows - start, 0.0)
    count = np.maximum((rows > start).sum(axis=0), 1)
    mean = beyond.sum(axis=0) / count
    variance = np.maximum((beyond * beyond).sum(axis=0) / count - mean * mean, 1e-12)
    # Below 0 the tail would end, and anything behind its end be impossible.
    shape = np.clip(0.5 * (1 - mean * mean / variance), 0.0, _HEAVIEST)
    scale = np.maximum(mean * (1 - shape), _LEAST_SCALE)
    return np.stack([start, count / len(rows), shape, scale])


def _chances(tails: Floats, values: Floats) -> Floats:
    """How probable values as far out are, `(rows, columns)`; 1 where they are in no tail."""
    start, share, shape, scale = tails
    beyond = np.maximum((values - start) / scale, 0.0)
    heavy = (1 + shape * beyond) ** (-1 / np.where(shape > 0, shape, 1.0))
    left = np.where(shape > 0, heavy, np.exp(-beyond))
    chances: Floats = np.where(beyond > 0, np.maximum(share * left, _LEAST_CHANCE), 1.0)
    return chances


def _level(tails: Floats, chance: float) -> Floats:
    """The values that are exceeded with that chance, `(columns,)`."""
    start, share, shape, scale = tails
    rarer = np.maximum(share / chance, 1.0)
    heavy = (rarer**shape - 1) / np.where(shape > 0, shape, 1.0)
    level: Floats = start + scale * np.where(shape > 0, heavy, np.log(rarer))
    return level


class ExtremesState(DetectorState):
    """The `LearnerState` of `ExtremesDetector`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        detector = ExtremesDetector("state", **settings)
        features = features_of(detector)
        eye = ExtremesEye(detector, features.columns)
        super().__init__(detector, CertainEye(eye), features)
