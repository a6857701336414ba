"""The answer of an anomaly detector."""

from __future__ import annotations

import msgspec


class Surprise(msgspec.Struct, frozen=True):
    """How unusual a record is, against what was usual before it.

    Attributes:
        score: how rare such a record is: the share of earlier records that were less unusual,
            0 to 1.
        threshold: the score from which on it is an alarm.
        is_alarm: whether it is one; a detector still warming up raises none.
        reason: one line for people: which part is unusual, and how it differs from usual.
        parts: what each part of the detector or each feature adds, largest first; unitless.
    """

    score: float
    threshold: float
    is_alarm: bool
    reason: str
    parts: dict[str, float] = {}
