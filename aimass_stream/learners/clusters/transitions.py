"""Which of the clusters drawn anew are old ones, and what became of the others.

The transitions of MONIC: Spiliopoulou, Ntoutsi, Theodoridis and Schult, "MONIC: Modeling and
Monitoring Cluster Transitions", KDD 2006, on the records that both drawings know.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimass_stream.records import ClusterChange

_MOST = 0.5
_PART = 0.25

Ints = NDArray[np.int64]


class Followed(NamedTuple):
    """Clusters drawn anew, with names.

    Attributes:
        ids: `(clusters,)` int64 of those drawn anew.
        next_id: the first id that was never given.
        changes: what is different.
    """

    ids: Ints
    next_id: int
    changes: list[ClusterChange]


def follow(old: Ints, new: Ints, old_ids: Ints, clusters: int, next_id: int) -> Followed:
    """Name clusters after those that they were.

    Args:
        old: `(records,)` int64, the id each record of the window had; 0 for none.
        new: `(records,)` int64, the place of its cluster now; -1 for none.
        old_ids: `(old clusters,)` int64.
        clusters: how many there are now.
        next_id: the first id that was never given.
    """
    shared = np.array(
        [[int(((old == one) & (new == now)).sum()) for now in range(clusters)] for one in old_ids],
        np.int64,
    ).reshape(len(old_ids), clusters)
    ids = np.zeros(clusters, np.int64)
    # The largest agreements first, ties by place, so that one history gives one naming.
    for flat in np.argsort(-shared, axis=None, kind="stable").tolist():
        row, column = divmod(flat, clusters)
        holds = shared[row, column] > _MOST * shared[row].sum()
        if holds and not ids[column] and old_ids[row] not in ids:
            ids[column] = old_ids[row]
    for column in np.flatnonzero(ids == 0).tolist():
        ids[column] = next_id
        next_id += 1
    return Followed(ids, next_id, _changes(shared, old_ids, ids))


def _changes(shared: Ints, old_ids: Ints, ids: Ints) -> list[ClusterChange]:
    into = {
        one: [now for now, count in zip(ids.tolist(), row, strict=True) if _is_part(count, row)]
        for one, row in zip(old_ids.tolist(), shared.tolist(), strict=True)
    }
    whence = {
        now: [
            one
            for one, row in zip(old_ids.tolist(), shared, strict=True)
            if row[at] > _MOST * row.sum()
        ]
        for at, now in enumerate(ids.tolist())
    }
    told = {now for parts in into.values() if len(parts) > 1 for now in parts}
    told |= {now for now, ones in whence.items() if len(ones) > 1}
    known = set(old_ids.tolist())
    changes = [ClusterChange("split", [one], now) for one, now in into.items() if len(now) > 1]
    changes += [
        ClusterChange("merged", ones, [now]) for now, ones in whence.items() if len(ones) > 1
    ]
    changes += [ClusterChange("gone", [one], []) for one, now in into.items() if not now]
    changes += [ClusterChange("new", [], [now]) for now in ids.tolist() if now not in known | told]
    return changes


def _is_part(count: int, row: list[int]) -> bool:
    return count > _PART * sum(row)
