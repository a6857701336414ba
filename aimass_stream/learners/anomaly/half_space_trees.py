"""River's half-space trees.

Tan, Ting and Liu, "Fast Anomaly Detection for Streaming Data", IJCAI 2011. The trees cut a
space fixed in advance, so they are given spreads from the usual, squeezed between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from river.anomaly import HalfSpaceTrees
from river.tree.padded import PaddedBranch, PaddedLeaf

from aimass_stream.learner import Snapshot
from aimass_stream.learners.anomaly.detectors import HalfSpaceTreesDetector
from aimass_stream.learners.anomaly.state import DetectorState, Look, features_of
from aimass_stream.learners.features import Column, Floats
from aimass_stream.learners.river_codec import Codec

_CODEC = Codec([HalfSpaceTrees, PaddedBranch, PaddedLeaf])


class HalfSpaceTreesEye:
    """How few of the last window's records share a row's regions.

    Args:
        detector: the declaration.
        columns: of a row.
    """

    def __init__(self, detector: HalfSpaceTreesDetector, columns: Sequence[Column]) -> None:
        self._cut = np.array([not column.flag for column in columns])
        self._trees = HalfSpaceTrees(
            n_trees=detector.trees,
            height=detector.height,
            window_size=detector.window_records,
            seed=detector.seed,
        )

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
        """The trees."""
        return Snapshot({}, {"trees": _CODEC.encode(self._trees)})

    def restore(self, snapshot: Snapshot) -> None:
        """Have the trees that were laid down."""
        self._trees = _CODEC.decode(snapshot.data["trees"])

    def _rows(self, look: Look) -> list[dict[int, float]]:
        spreads = look.spreads[:, self._cut]
        squeezed = 0.5 + 0.5 * spreads / (_HALF + np.abs(spreads))
        return [dict(enumerate(row)) for row in squeezed.tolist()]


_HALF = 3.0


class HalfSpaceTreesState(DetectorState):
    """The `LearnerState` of `HalfSpaceTreesDetector`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        detector = HalfSpaceTreesDetector("state", **settings)
        features = features_of(detector)
        super().__init__(detector, HalfSpaceTreesEye(detector, features.columns), features)
