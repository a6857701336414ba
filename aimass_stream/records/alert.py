"""The answer of an agent that watches: something is out of the ordinary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

import msgspec

from aimass_stream.records.chunk import Record
from aimass_stream.records.surprise import Surprise

Severity = Literal["info", "warning", "critical"]

WARNING_FROM = 0.5
"""Share of the room between threshold and 1 that a score must pass to be a warning."""
CRITICAL_FROM = 0.9
"""Share of the room between threshold and 1 that a score must pass to be critical."""


class Alert(msgspec.Struct, frozen=True):
    """One event that somebody may want to look at; one event raises one alert.

    Attributes:
        severity: how far the score lies beyond the threshold, see `severity_of`.
        score: how unusual the event is, 0 to 1.
        threshold: the score from which on it is an alarm.
        reason: one line for people: what is unusual.
        source: `topic/partition/offset` of the record whose arrival raised it.
        user: whom it is about: the record's user, else its key as text; None without either.
        time_ms: event time of that record, milliseconds since the epoch.
        detector: `name@version` of what raised it; empty where the headers say it alone.
        parents: sources of all records it is made of, where they are several.
    """

    severity: Severity
    score: float
    threshold: float
    reason: str
    source: str
    user: str | None
    time_ms: int
    detector: str = ""
    parents: list[str] = []

    @classmethod
    def of(
        cls,
        record: Record,
        surprise: Surprise,
        *,
        detector: str = "",
        parents: Sequence[str] = (),
    ) -> Self:
        """The alert that a record raises.

        The time is event time, never the clock: a replay raises the same alert.

        Args:
            record: the one whose arrival raised it.
            surprise: how unusual it is.
            detector: `name@version` of the learner that answered.
            parents: sources of the records it is made of, where they are several.
        """
        return cls(
            severity=severity_of(surprise.score, surprise.threshold),
            score=surprise.score,
            threshold=surprise.threshold,
            reason=surprise.reason,
            source=record.source,
            user=_user(record),
            time_ms=getattr(record, "time_ms", record.timestamp_ms),
            detector=detector,
            parents=list(parents),
        )


def severity_of(score: float, threshold: float) -> Severity:
    """How bad it is: the place of the score between the threshold and 1, the highest score.

    Below half of the way it is `info`, from there on `warning`, and `critical` in the last
    tenth. Scores are shares of earlier records that were less unusual, so with a threshold of
    0.99 a warning is rarer than 1 in 200 and a critical alert rarer than 1 in 1,000. Without
    room above the threshold every score that reaches it is critical.
    """
    if score < threshold:
        return "info"
    room = 1 - threshold
    # A little slack, so that the rounding of a score such as 0.995 does not decide.
    beyond = (score - threshold) / room + 1e-9 if room > 0 else 1.0
    if beyond >= CRITICAL_FROM:
        return "critical"
    return "warning" if beyond >= WARNING_FROM else "info"


def _user(record: Record) -> str | None:
    user = getattr(record, "user", None)
    if isinstance(user, str):
        return user
    return None if record.key is None else record.key.decode(errors="replace")
