"""The answer of a learner that groups records and draws the groups anew as they change."""

from __future__ import annotations

from typing import Literal

import msgspec


class ClusterChange(msgspec.Struct, frozen=True):
    """What became of clusters when they were drawn anew.

    Attributes:
        kind: `new`, `gone`, `merged` or `split`.
        before: ids of the clusters it was; none for `new`.
        after: ids of the clusters it is; none for `gone`.
    """

    kind: Literal["new", "gone", "merged", "split"]
    before: list[int]
    after: list[int]


class TrackedCluster(msgspec.Struct, frozen=True):
    """The cluster that a record belongs to.

    Attributes:
        cluster: its id, which it keeps however often clusters are drawn anew, and which is never
            given to another; 0 where the record belongs to none.
        distance: from the centre of the nearest cluster, in that cluster's radii; 0 where there is
            no cluster yet.
        changes: what became of clusters since the record before this one.
    """

    cluster: int
    distance: float
    changes: list[ClusterChange] = []
