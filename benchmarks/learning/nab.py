"""The Numenta benchmark's scoring, standard profile.

Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly
Benchmark", ICMLA 2015. Series carry windows of rows in which an anomaly is to be noticed. The
first 15 % of a series, at most 750 rows, are not scored. One threshold holds for all series. A
window whose rows stay below it costs 1; the earliest row that reaches it pays up to 1, less the
later it is; a row that reaches it outside windows costs up to 0.11, less just behind a window.
0 is what a detector without alarms gets, 100 the perfect one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FALSE_ALARM = 0.11
_UNSCORED_SHARE, _UNSCORED_ROWS = 0.15, 750


@dataclass(frozen=True)
class Series:
    """One value a row.

    Attributes:
        name: `category/file`.
        times_ms: `(rows,)` int64, milliseconds since the epoch.
        values: `(rows,)` float64.
        windows: first and last row of each anomaly window, both within, in order.
    """

    name: str
    times_ms: NDArray[np.int64]
    values: Floats
    windows: Sequence[tuple[int, int]]

    @property
    def category(self) -> str:
        """The folder it was in."""
        return self.name.partition("/")[0]

    @property
    def unscored(self) -> int:
        """Rows at its beginning that are not scored."""
        return min(int(_UNSCORED_SHARE * len(self.values)), _UNSCORED_ROWS)


class Sweep(NamedTuple):
    """What each threshold earns, all series together.

    Attributes:
        thresholds: `(n,)` float64, falling.
        earned: `(n,)` float64: raw points, where a missed window costs 1.
        windows: how many windows there are.
    """

    thresholds: Floats
    earned: Floats
    windows: int

    @property
    def threshold(self) -> float:
        """The one that earns most; infinity where none earns more than silence."""
        best = int(np.argmax(self.earned))
        return float(self.thresholds[best])

    def earned_at(self, threshold: float) -> float:
        """Raw points at a threshold."""
        place = int(np.searchsorted(-self.thresholds, -threshold, side="right")) - 1
        return float(self.earned[place])

    @property
    def score(self) -> float:
        """0 to 100 at the best threshold."""
        return normalised(float(self.earned.max()), self.windows)


def normalised(earned: float, windows: int) -> float:
    """Raw points as a share of what is between silence (0) and perfection (100)."""
    return 100 * (earned + windows) / (2 * windows)


def sweep(series: Sequence[Series], scores: Mapping[str, Floats]) -> Sweep:
    """Every threshold over all series; `scores` by name, `(rows,)` float64 each."""
    reached: list[Floats] = []
    gains: list[Floats] = []
    windows = 0
    for one in series:
        points = _points(one)
        inside = np.zeros(len(points), np.bool_)
        inside[: one.unscored] = True
        for first, last in one.windows:
            rows = slice(max(first, one.unscored), last + 1)
            inside[rows] = True
            windows += 1
            at, gain = _window_gains(scores[one.name][rows], points[rows])
            reached.append(at)
            gains.append(gain)
        reached.append(scores[one.name][~inside])
        gains.append(points[~inside])
    at, gain = np.concatenate(reached), np.concatenate(gains)
    order = np.argsort(-at, kind="stable")
    at, total = at[order], np.cumsum(gain[order]) - windows
    is_last = np.append(at[1:] != at[:-1], True)
    thresholds = np.concatenate([[np.inf], at[is_last]])
    return Sweep(thresholds, np.concatenate([[-float(windows)], total[is_last]]), windows)


def _points(series: Series) -> Floats:
    """What an alarm at each row is worth: `(rows,)`."""
    rows = np.arange(len(series.values))
    points = np.full(len(rows), -_FALSE_ALARM)
    for first, last in series.windows:
        width = last - first + 1
        behind = rows > last
        away = (rows[behind] - last) / max(width - 1, 1)
        points[behind] = _FALSE_ALARM * _sigmoid(away)
        within = slice(first, last + 1)
        early = -(last - rows[within] + 1) / width
        points[within] = _sigmoid(early) / _sigmoid(np.array([-1.0]))
    return points


def _sigmoid(place: Floats) -> Floats:
    """1 far before the right edge of a window, 0 at it, -1 three windows behind it."""
    return np.where(place > 3.0, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(place, 3.0))) - 1.0)


def _window_gains(scores: Floats, points: Floats) -> tuple[Floats, Floats]:
    """Where a falling threshold earns more within a window, and how much more."""
    order = np.argsort(-scores, kind="stable")
    best = np.maximum.accumulate(np.concatenate([[-1.0], points[order]]))
    return scores[order], np.diff(best)
