"""The state of `Clusters`: a window of embeddings, and the clusters drawn on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import HDBSCAN

from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.arrays import row_products
from aimass_stream.learners.clusters.declaration import Clusters
from aimass_stream.learners.clusters.transitions import follow
from aimass_stream.learners.open_block import OpenBlock
from aimass_stream.learners.vectors import read_embedding
from aimass_stream.records import ClusterChange, TrackedCluster

Vector = NDArray[np.float32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_RADIUS_SHARE = 0.9


class _Drawn(NamedTuple):
    """Clusters, as they were drawn last.

    Attributes:
        mean: `(dimensions,)` of the window.
        axes: `(dimensions, components)`, its principal components.
        centres: `(clusters, components)`.
        radii: `(clusters,)`.
        ids: `(clusters,)` int64.
    """

    mean: Floats
    axes: Floats
    centres: Floats
    radii: Floats
    ids: Ints


class ClustersState:
    """The `LearnerState` of `Clusters`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._declared = Clusters("clusters", **settings)
        self._window: Vector = np.zeros((0, self._declared.dimensions), np.float32)
        size = self._declared.dimensions
        self._drawn = _Drawn(
            np.zeros(size),
            np.zeros((size, 0)),
            np.zeros((0, 0)),
            np.zeros(0),
            np.zeros(0, np.int64),
        )
        self._learnt = 0
        self._next_id = 1
        self._changes: list[ClusterChange] = []
        self._open = OpenBlock(lambda: [self._changes], self._answer)

    def read(self, event: Event) -> Vector:
        """An embedding.

        Raises:
            RecordError: BAD_ENVELOPE: it is none that fits.
        """
        return read_embedding(event.value, self._declared.dimensions)

    def score(self, inputs: Sequence[Vector]) -> list[TrackedCluster]:
        """The cluster of each record; the first also says what changed."""
        return self._open.answers(inputs)

    def learn(self, inputs: Sequence[Vector]) -> None:
        """Remember records, and draw the clusters anew at fixed counts."""
        self._open.close()
        if not inputs:
            return
        self._changes = []
        every = self._declared.refit_records
        is_due = (self._learnt + len(inputs)) // every > self._learnt // every
        self._learnt += len(inputs)
        rows = np.concatenate([self._window, np.stack(inputs)])
        self._window = rows[-self._declared.window_records :]
        if is_due and len(self._window) >= 2 * self._declared.least_records:
            self._draw()

    def snapshot(self) -> Snapshot:
        """Lay the state down."""
        arrays: dict[str, NDArray[np.generic]] = {"window": self._window.copy()}
        arrays |= {name: array.copy() for name, array in self._drawn._asdict().items()}
        data = {
            "learnt": self._learnt,
            "next_id": self._next_id,
            "changes": msgspec.to_builtins(self._changes),
        }
        return Snapshot(arrays, data)

    def restore(self, snapshot: Snapshot) -> None:
        """Become a state that was laid down.

        Raises:
            ValueError: it is of embeddings of another length.
        """
        arrays, data = snapshot
        if arrays["window"].shape[1:] != self._window.shape[1:]:
            raise ValueError(f"clusters of {arrays['window'].shape[1:]} numbers")
        self._window = arrays["window"].astype(np.float32)
        self._drawn = _Drawn(
            mean=arrays["mean"].astype(np.float64),
            axes=arrays["axes"].astype(np.float64),
            centres=arrays["centres"].astype(np.float64),
            radii=arrays["radii"].astype(np.float64),
            ids=arrays["ids"].astype(np.int64),
        )
        self._learnt, self._next_id = data["learnt"], data["next_id"]
        self._changes = msgspec.convert(data["changes"], list[ClusterChange])
        self._open.close()

    def _answer(
        self, untold: list[list[ClusterChange]], rows: Sequence[Vector]
    ) -> list[TrackedCluster]:
        ids, distances = self._assign(np.stack(rows))
        return [
            TrackedCluster(one, distance, untold.pop() if untold else [])
            for one, distance in zip(ids.tolist(), distances.tolist(), strict=True)
        ]

    def _assign(self, rows: Vector) -> tuple[Ints, Floats]:
        """Ids and distances of records, `(rows,)` each."""
        drawn = self._drawn
        if not len(drawn.ids):
            return np.zeros(len(rows), np.int64), np.zeros(len(rows))
        seen = row_products(rows.astype(np.float64) - drawn.mean, drawn.axes)
        apart = np.linalg.norm(seen[:, None] - drawn.centres, axis=2) / drawn.radii
        nearest = apart.argmin(axis=1)
        distances = apart[np.arange(len(rows)), nearest]
        ids = np.where(distances <= self._declared.reach, drawn.ids[nearest], 0)
        return ids, distances

    def _draw(self) -> None:
        before, _ = self._assign(self._window)
        rows = self._window.astype(np.float64)
        mean = rows.mean(axis=0)
        _, _, directions = np.linalg.svd(rows - mean, full_matrices=False)
        axes = directions[: self._declared.components].T
        seen = (rows - mean) @ axes
        found = HDBSCAN(min_cluster_size=self._declared.least_records, copy=True).fit(seen).labels_
        places = found.astype(np.int64)
        clusters = int(places.max(initial=-1)) + 1
        centres = np.array([seen[places == at].mean(axis=0) for at in range(clusters)])
        radii = [
            float(np.quantile(np.linalg.norm(seen[places == at] - centre, axis=1), _RADIUS_SHARE))
            for at, centre in enumerate(centres)
        ]
        named = follow(before, places, self._drawn.ids, clusters, self._next_id)
        self._next_id, self._changes = named.next_id, named.changes
        self._drawn = _Drawn(
            mean,
            np.ascontiguousarray(axes),
            centres.reshape(clusters, axes.shape[1]),
            # Records that are all alike have no radius.
            np.maximum(np.array(radii), 1e-9),
            named.ids,
        )
