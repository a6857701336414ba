"""The answer of a learner that fits a model again and again: a version that is in force nowhere."""

from __future__ import annotations

import msgspec

from aimass_stream.records.claim import Claim


class Proposal(msgspec.Struct, frozen=True):
    """What would be the next version of a model. `aimass models propose` makes it a candidate.

    Attributes:
        model: its name in the registry.
        task: what it does: `classification`, `regression` or `clustering`.
        rows: records that it was fitted on.
        columns: numbers that its chain makes of a record, which are what was selected.
        ranges: first and last offset of these records, by `topic/partition`.
        files: of the version, by name; they lie in the payload store.
    """

    model: str
    task: str
    rows: int
    columns: int
    ranges: dict[str, tuple[int, int]]
    files: dict[str, Claim]
