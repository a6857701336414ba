"""What a record turned out to be: said later, by a person or another system.

On a topic it is a JSON object: `{"record": "texts/0/17", "label": "refund"}`. Other fields,
such as who said so, are passed over.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import orjson

from aimass_stream.errors import RecordError
from aimass_stream.records.chunk import Record
from aimass_stream.records.example import Example, draw_of
from aimass_stream.records.json_object import as_form, check_declared, read_object
from aimass_stream.records.limits import Limits

LABEL_CHARS = 200
"""Characters of a label."""

_DEFAULT_LIMITS = Limits()


class Feedback(msgspec.Struct, frozen=True):
    """The label of a record that was answered before.

    It may come late, twice, be wrong, or never come.

    Attributes:
        record: `topic/partition/offset` of the record, as `aimass-root` of its answer says.
        label: what it is.
    """

    record: str
    label: str


class _FeedbackForm(msgspec.Struct):
    record: Annotated[
        str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,249}/[0-9]{1,10}/[0-9]{1,19}\Z")
    ]
    label: Annotated[str, msgspec.Meta(min_length=1, max_length=LABEL_CHARS, pattern=r"\S")]


class FeedbackRecord(Record):
    """A feedback record; its properties hold once `check` has accepted it."""

    __slots__ = ("_feedback",)

    _feedback: Feedback

    @classmethod
    def examples(cls, count: int, seed: int = 0) -> list[Example]:
        """Labels for records of the topic `text`, which need not exist.

        A head that knows other labels refuses these: each is then dead-lettered.
        """
        draw = draw_of(seed, "feedback")
        return [
            Example(
                encode_feedback(
                    f"text/{draw.randrange(4)}/{number}", draw.choice(("praise", "refund", "other"))
                )
            )
            for number in range(count)
        ]

    def check(self, limits: Limits) -> None:
        """Accept an object that names a record and labels it.

        Whether there is such a record, and whether its model knows the label, is seen later.

        Raises:
            RecordError: EMPTY (also for a tombstone), TOO_LARGE, BAD_ENVELOPE, or
                TYPE_MISMATCH (declared not to be JSON).
        """
        if self.headers:
            check_declared(self.headers)
        self._feedback = read_feedback(self.value, limits)

    @property
    def feedback(self) -> Feedback:
        """What was said."""
        return self._feedback

    @property
    def record(self) -> str:
        """`topic/partition/offset` of the record that is labelled."""
        return self._feedback.record

    @property
    def label(self) -> str:
        """What it is said to be."""
        return self._feedback.label


def read_feedback(value: bytes | None, limits: Limits = _DEFAULT_LIMITS) -> Feedback:
    """Read the value of a feedback record; for whoever has no `Record`, such as a learner.

    Raises:
        RecordError: EMPTY (also for a tombstone), TOO_LARGE or BAD_ENVELOPE.
    """
    form = as_form(read_object(value, limits.event_bytes), _FeedbackForm)
    return Feedback(form.record, form.label)


def encode_feedback(record: str, label: str) -> bytes:
    """The value of a feedback record; it needs no headers.

    Args:
        record: `topic/partition/offset` of the record that is labelled.
        label: what it is, 1 to 200 characters.

    Raises:
        ValueError: it would be refused on the topic.
    """
    try:
        value = orjson.dumps({"record": record, "label": label})
        read_feedback(value)
    except orjson.JSONEncodeError as error:
        raise ValueError(f"the feedback cannot be written as JSON: {error}") from error
    except RecordError as error:
        raise ValueError(f"the feedback would be refused: {error.detail}") from None
    return value
