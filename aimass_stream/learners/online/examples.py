"""What online learners read from their log: records of numbers, and targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event
from aimass_stream.learners.features import LARGEST
from aimass_stream.learners.online.declarations import OnlineLearner
from aimass_stream.records import Limits, read_feedback
from aimass_stream.records.json_object import read_object

Numbers = dict[int, float]
"""A record's numbers by place, as River takes them.

Places and not names: sets of small integers have one order in every process, sets of texts have
another in each.
"""

_LIMITS = Limits()


class Example(NamedTuple):
    """A record of numbers.

    Attributes:
        root: the record.
        numbers: as declared.
        target: what it is; None where it is not known yet.
        time_ms: event time.
    """

    root: str
    numbers: Numbers
    target: float | int | None
    time_ms: int


class Told(NamedTuple):
    """Feedback on a record.

    Attributes:
        root: the record.
        target: what it is.
        time_ms: event time.
    """

    root: str
    target: float | int
    time_ms: int


OnlineInput = Example | Told
"""What an online learner reads from its log."""

ReadTarget = Callable[[object], float | int]
"""A target from what JSON holds, or from feedback's text; raises RecordError."""


class Reader:
    """Reads events by a declaration.

    Args:
        learner: the declaration.
        read_target: for the targets of its kind.
    """

    def __init__(self, learner: OnlineLearner[Any], read_target: ReadTarget) -> None:
        self._fields = learner.fields
        self._dimensions = learner.dimensions
        self._target = learner.target
        self._read_target = read_target

    def __call__(self, event: Event) -> OnlineInput:
        """A record of numbers, or feedback; told apart by the fields that are there.

        Raises:
            RecordError: EMPTY, TOO_LARGE, or BAD_ENVELOPE: it is neither, has other or huge
                numbers, or a target that cannot be.
        """
        fields = read_object(event.value, _LIMITS.event_bytes)
        has_numbers = self._fields[0] in fields if self._fields else "x" in fields
        if not has_numbers and "record" in fields:
            feedback = read_feedback(event.value, _LIMITS)
            return Told(feedback.record, self._read_target(feedback.label), event.timestamp_ms)
        numbers = self._numbers(fields)
        found = fields.get(self._target)
        target = None if found is None else self._read_target(found)
        return Example(event.root, numbers, target, event.timestamp_ms)

    def _numbers(self, fields: dict[str, Any]) -> Numbers:
        if self._fields:
            return {i: number(fields.get(name), name) for i, name in enumerate(self._fields)}
        found = fields.get("x")
        if not isinstance(found, list) or len(found) != self._dimensions:
            raise RecordError(
                Reason.BAD_ENVELOPE, f'"x" is no list of {self._dimensions} numbers, nor feedback'
            )
        return {i: number(one, f"x[{i}]") for i, one in enumerate(found)}


def number(found: object, name: str) -> float:
    """A number that JSON held.

    Raises:
        RecordError: BAD_ENVELOPE: it is none, or a huge one.
    """
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise RecordError(Reason.BAD_ENVELOPE, f"{name!r} is no number")
    if not -LARGEST <= found <= LARGEST:
        raise RecordError(Reason.BAD_ENVELOPE, f"{name!r} is beyond {LARGEST:g}")
    return float(found)
