"""What a bandit reads from its log: records that ask, and rewards."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event
from aimass_stream.learners.bandit.declaration import Bandit
from aimass_stream.learners.online.examples import number
from aimass_stream.records import Limits, read_reward
from aimass_stream.records.json_object import read_object

_LIMITS = Limits()


class Asked(NamedTuple):
    """A record that wants an arm.

    Attributes:
        root: the record.
        numbers: `(fields,)` float64, as declared.
        time_ms: event time.
    """

    root: str
    numbers: NDArray[np.float64]
    time_ms: int


class Rewarded(NamedTuple):
    """What a choice earned.

    Attributes:
        root: the record that it was made for.
        reward: within the declared range.
        time_ms: event time.
    """

    root: str
    reward: float
    time_ms: int


BanditInput = Asked | Rewarded


def read_event(event: Event, bandit: Bandit) -> BanditInput:
    """A record that asks, or a reward; whatever says a `reward` is one.

    Raises:
        RecordError: EMPTY, TOO_LARGE, or BAD_ENVELOPE: it is neither, has other or huge
            numbers, or a reward that there cannot be.
    """
    fields = read_object(event.value, _LIMITS.event_bytes)
    if "reward" not in fields:
        numbers = [number(fields.get(name), name) for name in bandit.fields]
        return Asked(event.root, np.array(numbers, np.float64), event.timestamp_ms)
    record, reward = read_reward(event.value, _LIMITS).record, number(fields["reward"], "reward")
    if not bandit.lowest <= reward <= bandit.highest:
        raise RecordError(
            Reason.BAD_ENVELOPE, f"a reward beyond {bandit.lowest:g} to {bandit.highest:g}"
        )
    return Rewarded(record, reward, event.timestamp_ms)
