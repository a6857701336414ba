"""What a choice earned: said later, by whatever saw what came of it.

On a topic it is a JSON object: `{"record": "pages/0/17", "reward": 1}`. Other fields are passed
over.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from aimass_stream.records.json_object import as_form, read_object
from aimass_stream.records.limits import Limits

_DEFAULT_LIMITS = Limits()


class Reward(msgspec.Struct, frozen=True):
    """The reward of a record that was answered with a `Choice` before.

    It may come late, twice, or never.

    Attributes:
        record: `topic/partition/offset` of the record, as `aimass-root` of its answer says.
        reward: what it earned, finite.
    """

    record: Annotated[
        str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,249}/[0-9]{1,10}/[0-9]{1,19}\Z")
    ]
    reward: float


def read_reward(value: bytes | None, limits: Limits = _DEFAULT_LIMITS) -> Reward:
    """Read the value of a reward.

    Raises:
        RecordError: EMPTY (also for a tombstone), TOO_LARGE or BAD_ENVELOPE.
    """
    return as_form(read_object(value, limits.event_bytes), Reward)
