"""The answer of a learner that keeps abuse out of what others learn from."""

from __future__ import annotations

from typing import Literal

import msgspec

from aimass_stream.records.surprise import Surprise

KEPT_OUT_FROM = 0.5
"""The score from which on an action is an offence."""

Offence = Literal["", "impossible", "burst", "regular", "in_step"]


class Verdict(msgspec.Struct, frozen=True):
    """Whether an action may be learnt from, beside the action itself.

    Written to a topic it reads as the `Behaviour` that it is about, whose metadata it is.

    Attributes:
        user: who.
        kind: `view`, `click` or `buy`.
        item: to which item.
        time_ms: event time, milliseconds since the epoch.
        kept_out: whether to learn nothing from it: it is an offence, or its user's last offence
            is not forgiven yet.
        is_alarm: whether it is the offence that its user is kept out for from here on; those
            that follow raise no alarm.
        code: of that offence: `impossible` (faster than people are), `burst` (many more a minute
            than usual), `regular` (at even intervals), `in_step` (the same items in the same
            order as others); empty where nothing is.
        score: how far it goes, 0 to 1; an offence from 0.5 on. r / (1 + r), where r is the
            largest of what was measured, each divided by what is tolerated.
        reason: one line for people.
    """

    user: str
    kind: str
    item: str
    time_ms: int
    kept_out: bool
    is_alarm: bool
    code: Offence
    score: float
    reason: str

    @property
    def surprise(self) -> Surprise:
        """The verdict as an alert is made of it."""
        return Surprise(self.score, KEPT_OUT_FROM, self.is_alarm, self.reason)
