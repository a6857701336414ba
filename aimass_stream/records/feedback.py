"""What a record turned out to be: said later, by a person or another system."""

from __future__ import annotations

import msgspec


class Feedback(msgspec.Struct, frozen=True):
    """The label of a record that was answered before.

    It may come late, twice, be wrong, or never come.

    Attributes:
        record: `topic/partition/offset` of the record, as `aimass-root` of its answer says.
        label: what it is.
    """

    record: str
    label: str
