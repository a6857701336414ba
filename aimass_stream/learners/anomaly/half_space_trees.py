"""River's half-space trees.

Tan, Ting and Liu, "Fast Anomaly Detection for Streaming Data", IJCAI 2011. The trees cut a
space fixed in advance, so they are given spreads from the usual, squeezed between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from river.anomaly import HalfSpaceTrees

from aimass_stream.learner import Snapshot
from aimass_stream.learners.anomaly.detectors import HalfSpaceTreesDetector
from aimass_stream.learners.anomaly.judges import Look, RankedEye
from aimass_stream.learners.anomaly.state import DetectorState, features_of
from aimass_stream.learners.features import Column, Floats, cut_columns


class HalfSpaceTreesEye:
    """How few of the last window's records share a row's regions.

    Args:
        detector: the declaration.
        columns: of a row.
    """

    def __init__(self, detector: HalfSpaceTreesDetector, columns: Sequence[Column]) -> None:
        self._cut = cut_columns(columns)
        self._detector = detector
        self._trees = self._plant()

    def score(self, look: Look) -> Floats:
        """River's scores, 0 to 1; NaN during the first window."""
        if self._trees._first_window:  # noqa: SLF001 - it answers 0 then, which is a score as well
            return np.full(len(look.spreads), np.nan)
        return np.array([self._trees.score_one(row) for row in self._rows(look)], np.float64)

    def learn(self, look: Look) -> None:
        """Learn rows one by one."""
        for row in self._rows(look):
            self._trees.learn_one(row)

    def snapshot(self) -> Snapshot:
        """What each node of the trees has counted; where they cut follows from the seed."""
        masses = [(node.l_mass, node.r_mass) for node in self._nodes()]
        progress = {
            "counter": self._trees.counter,
            "first_window": self._trees._first_window,  # noqa: SLF001 - part of the state
        }
        return Snapshot({"masses": np.array(masses, np.int64).reshape(-1, 2)}, progress)

    def restore(self, snapshot: Snapshot) -> None:
        """Have the trees that were laid down."""
        self._trees = self._plant()
        masses = snapshot.arrays["masses"].tolist()
        if masses:
            # The first record makes the trees grow.
            self._trees.learn_one(dict.fromkeys(range(len(self._cut)), 0.5))
        for node, (left, right) in zip(self._nodes(), masses, strict=True):
            node.l_mass, node.r_mass = left, right
        self._trees.counter = snapshot.data["counter"]
        self._trees._first_window = snapshot.data["first_window"]  # noqa: SLF001 - as above

    def _plant(self) -> HalfSpaceTrees:
        return HalfSpaceTrees(
            n_trees=self._detector.trees,
            height=self._detector.height,
            window_size=self._detector.window_records,
            seed=self._detector.seed,
        )

    def _nodes(self) -> list[Any]:
        return [node for tree in self._trees.trees for node in tree.iter_dfs()]

    def _rows(self, look: Look) -> list[dict[int, float]]:
        spreads = look.spreads.take(self._cut, axis=1)
        squeezed = 0.5 + 0.5 * spreads / (_HALF + np.abs(spreads))
        return [dict(enumerate(row)) for row in squeezed.tolist()]


_HALF = 3.0


class HalfSpaceTreesState(DetectorState):
    """The `LearnerState` of `HalfSpaceTreesDetector`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        detector = HalfSpaceTreesDetector("state", **settings)
        features = features_of(detector)
        eye = HalfSpaceTreesEye(detector, features.columns)
        super().__init__(detector, RankedEye(eye, detector.compared_records), features)
