"""An isolation forest that scikit-learn fits, and that scores a small block quickly.

The score is the one of Liu, Ting and Zhou, "Isolation Forest", ICDM 2008:
`2^(-mean depth / c(n))`, so 1 is isolated at once and 0.5 is average.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from aimass_stream.learners.features import Floats
from aimass_stream.learners.flat_trees import FlatTrees

_EULER = 0.5772156649015329


class Forest:
    """A fitted forest; never changes.

    Args:
        fitted: scikit-learn's.
    """

    def __init__(self, fitted: IsolationForest) -> None:
        trees = [estimator.tree_ for estimator in fitted.estimators_]
        self._trees = FlatTrees(trees)
        self._depth = _depths(trees)
        self._scale = len(trees) * float(_average_depth(np.array([fitted.max_samples_]))[0])

    @classmethod
    def fit(cls, window: NDArray[np.float32], trees: int, tree_records: int, seed: int) -> Self:
        """Fit a forest on a window.

        Args:
            window: `(records, columns)` float32.
            trees: of the forest.
            tree_records: drawn for each tree; all where there are fewer.
            seed: the same gives the same forest.
        """
        drawn = min(tree_records, len(window))
        fitted = IsolationForest(n_estimators=trees, max_samples=drawn, random_state=seed)
        return cls(fitted.fit(window))

    def score(self, rows: NDArray[np.float32]) -> Floats:
        """`(rows,)` float64, 0 to 1, of `(rows, columns)` float32."""
        depth = self._depth.take(self._trees.leaves(rows)).sum(axis=1)
        scores: Floats = np.exp2(-depth / max(self._scale, 1e-9))
        return scores


def _depths(trees: list[Any]) -> Floats:
    """Of every node: its depth, and how much deeper a full tree of its records would go."""
    depths = []
    for tree in trees:
        depth = np.zeros(tree.node_count)
        # A node stands behind its parent.
        for node, (left, right) in enumerate(
            zip(tree.children_left.tolist(), tree.children_right.tolist(), strict=True)
        ):
            if left >= 0:
                depth[left] = depth[right] = depth[node] + 1
        depths.append(depth + _average_depth(tree.n_node_samples))
    return np.concatenate(depths)


def _average_depth(records: NDArray[np.integer]) -> Floats:
    """c(n): mean depth of a record in a random tree of n; 0 of one, 1 of two."""
    n = np.maximum(records.astype(np.float64), 2.0)
    depth = 2.0 * (np.log(n - 1.0) + _EULER) - 2.0 * (n - 1.0) / n
    return np.where(records <= 1, 0.0, np.where(records == 2, 1.0, depth))
