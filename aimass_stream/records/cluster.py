"""The answer of a model that puts what is alike together."""

from __future__ import annotations

import msgspec


class Cluster(msgspec.Struct, frozen=True):
    """The group a record belongs to.

    Attributes:
        cluster: its number, from 0; the same number is the same group within one version.
        distance: from its centre to the record, in the units of the columns.
    """

    cluster: int
    distance: float
