"""IsolationForest on a sliding window, refitted beside the stream.

A forest is a function of its window and its number, so a snapshot holds windows and no trees:
a restored state fits them again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Snapshot
from aimass_stream.learners.anomaly.detectors import IsolationForestDetector
from aimass_stream.learners.anomaly.forest import Forest
from aimass_stream.learners.anomaly.judges import Look, RankedEye
from aimass_stream.learners.anomaly.state import DetectorState, features_of
from aimass_stream.learners.features import Column, Floats, cut_columns

Window = NDArray[np.float32]

_FIRST_FIT = 64


@dataclass(frozen=True)
class _Refit:
    """A forest to be.

    Attributes:
        behind: records that had been learnt when its window ended.
        window: `(records, columns)` float32.
        forest: what the thread will have made of it.
    """

    behind: int
    window: Window
    forest: Future[Forest]


class IsolationForestEye:
    """Isolation depth in the forest in force, one thread beside the stream for the next.

    Args:
        detector: the declaration.
        columns: of a row.
    """

    def __init__(self, detector: IsolationForestDetector, columns: Sequence[Column]) -> None:
        self._detector = detector
        self._cut = cut_columns(columns)
        self._fitter = ThreadPoolExecutor(1, "isolation-forest")
        self._window: Window = np.empty((0, len(self._cut) + 1), np.float32)
        self._learnt = 0
        self._in_force: _Refit | None = None
        self._pending: deque[_Refit] = deque()

    def score(self, look: Look) -> Floats:
        """Isolation scores, 0 to 1, waiting for a forest that is due; NaN before the first."""
        if self._in_force is None:
            return np.full(len(look.values), np.nan)
        return self._in_force.forest.result().score(self._rows(look))

    def learn(self, look: Look) -> None:
        """Move the window over rows, beginning the refits that fall among them."""
        rows = self._rows(look)
        while len(rows):
            now = rows[: self._next_refit(self._learnt) - self._learnt]
            rows = rows[len(now) :]
            self._window = np.concatenate([self._window, now])[-self._detector.window_records :]
            self._learnt += len(now)
            if self._next_refit(self._learnt - len(now)) == self._learnt:
                self._pending.append(self._begin(self._learnt, self._window))
        while self._pending and self._is_due(self._pending[0]):
            self._in_force = self._pending.popleft()

    def snapshot(self) -> Snapshot:
        """The sliding window, and those of the forest in force and of refits under way."""
        arrays: dict[str, NDArray[np.generic]] = {"window": self._window}
        refits = [self._in_force] if self._in_force else []
        refits += self._pending
        for i, refit in enumerate(refits):
            arrays[f"refit.{i}"] = refit.window
        data = {
            "learnt": self._learnt,
            "in_force": self._in_force is not None,
            "behind": [refit.behind for refit in refits],
        }
        return Snapshot(arrays, data)

    def restore(self, snapshot: Snapshot) -> None:
        """Begin the refits again that were in force and under way."""
        arrays, data = snapshot
        self._window = arrays["window"].astype(np.float32)
        self._learnt = data["learnt"]
        refits = [
            self._begin(behind, arrays[f"refit.{i}"].astype(np.float32))
            for i, behind in enumerate(data["behind"])
        ]
        self._in_force = refits.pop(0) if data["in_force"] else None
        self._pending = deque(refits)

    def _rows(self, look: Look) -> Window:
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

    def _is_due(self, refit: _Refit) -> bool:
        return self._learnt >= refit.behind + min(self._detector.delay_records, refit.behind // 4)

    def _begin(self, behind: int, window: Window) -> _Refit:
        detector = self._detector
        seed = (detector.seed * 1_000_003 + behind) % 2**32
        made = self._fitter.submit(Forest.fit, window, detector.trees, detector.tree_records, seed)
        return _Refit(behind, window, made)


class IsolationForestState(DetectorState):
    """The `LearnerState` of `IsolationForestDetector`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        detector = IsolationForestDetector("state", **settings)
        features = features_of(detector)
        eye = IsolationForestEye(detector, features.columns)
        super().__init__(detector, RankedEye(eye, detector.compared_records), features)
