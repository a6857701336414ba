"""A forest that scikit-learn fits, laid out flat so that a small block is scored quickly.

scikit-learn walks a forest tree by tree, 70 µs a tree whatever the rows; here all rows go down
all trees at once, a level at a time. The score is the one of Liu, Ting and Zhou, "Isolation
Forest", ICDM 2008: `2^(-mean depth / c(n))`, so 1 is isolated at once and 0.5 is average.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from aimass_stream.learners.features import Floats

_EULER = 0.5772156649015329


class Forest:
    """A fitted forest; never changes.

    Args:
        fitted: scikit-learn's.
    """

    def __init__(self, fitted: IsolationForest) -> None:
        trees = [estimator.tree_ for estimator in fitted.estimators_]
        sizes = [tree.node_count for tree in trees]
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        features = np.concatenate([tree.feature for tree in trees])
        is_leaf = features < 0
        self._roots = starts.astype(np.int32)
        self._feature = np.where(is_leaf, 0, features).astype(np.int32)
        # Rows stay where they are at a leaf: both its children are the leaf.
        here = np.arange(len(features))
        left = np.concatenate([t.children_left + s for t, s in zip(trees, starts, strict=True)])
        right = np.concatenate([t.children_right + s for t, s in zip(trees, starts, strict=True)])
        self._children = np.empty(2 * len(features), np.int32)
        self._children[0::2] = np.where(is_leaf, here, left)
        self._children[1::2] = np.where(is_leaf, here, right)
        self._threshold = np.concatenate([tree.threshold for tree in trees])
        self._depth = _depths(trees)
        self._levels = max(tree.max_depth for tree in trees)
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
        count, columns = rows.shape
        flat = rows.ravel()
        first = (np.arange(count, dtype=np.int32) * columns)[:, None]
        node = np.broadcast_to(self._roots, (count, len(self._roots)))
        for _ in range(self._levels):
            goes_right = flat[first + self._feature[node]] > self._threshold[node]
            node = self._children[2 * node + goes_right]
        scores: Floats = np.exp2(-self._depth.take(node).sum(axis=1) / max(self._scale, 1e-9))
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
