"""What a watch on quality reads from its log: answers of models, and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event
from aimass_stream.records import Prediction

_MODEL_CHARS = 200


class Said(NamedTuple):
    """A model's answer.

    Attributes:
        root: the record it answers.
        model: `name@version`.
        shares: probability by index of label; the most probable first.
        time_ms: event time.
    """

    root: str
    model: str
    shares: dict[int, float]
    time_ms: int


class Told(NamedTuple):
    """What a record is.

    Attributes:
        root: the record.
        label: index of its label.
        time_ms: event time.
    """

    root: str
    label: int
    time_ms: int


QualityInput = Said | Told


class _Message(msgspec.Struct, frozen=True):
    """An answer or feedback, told apart by the fields that are there."""

    model: str | None = None
    answer: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    record: str | None = None
    label: str | None = None


class Reader:
    """Reads events.

    Args:
        labels: that are known.
        part: of an answer, that is watched where it is there.
    """

    def __init__(self, labels: Sequence[str], part: str) -> None:
        self._part = part
        self._labels = tuple(labels)
        self._index: Mapping[str, int] = {label: i for i, label in enumerate(self._labels)}

    def read(self, event: Event) -> QualityInput:
        """An answer or a label.

        Raises:
            RecordError: BAD_ENVELOPE: it is neither, has a label that is not known, or no
                probabilities.
        """
        try:
            message = msgspec.json.decode(event.value, type=_Message)
            answer = self._answer(message.answer)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            detail = f"neither answer nor feedback: {error}"
            raise RecordError(Reason.BAD_ENVELOPE, detail) from None
        if message.record is not None and message.label is not None:
            return Told(message.record, self._known(message.label), event.timestamp_ms)
        if message.model is None or answer is None:
            raise RecordError(
                Reason.BAD_ENVELOPE,
                "neither an answer with its model (model, answer) nor feedback (record, label)",
            )
        if not 0 < len(message.model) <= _MODEL_CHARS:
            raise RecordError(Reason.BAD_ENVELOPE, f"a model's name of {len(message.model)}")
        return Said(event.root, message.model, self._shares(answer), event.timestamp_ms)

    def _answer(self, answer: msgspec.Raw | msgspec.UnsetType) -> Prediction | None:
        if isinstance(answer, msgspec.UnsetType):
            return None
        if self._part:
            parts = msgspec.json.decode(answer, type=dict[str, msgspec.Raw])
            answer = parts.get(self._part, answer)
        return msgspec.json.decode(answer, type=Prediction)

    def _shares(self, answer: Prediction) -> dict[int, float]:
        said = {**answer.scores, answer.label: answer.score}
        if not all(0 <= share <= 1 for share in said.values()):
            raise RecordError(Reason.BAD_ENVELOPE, "a probability that is not 0 to 1")
        shares = {self._known(label): share for label, share in said.items()}
        first = self._known(answer.label)
        return {first: shares.pop(first), **shares}

    def _known(self, label: str) -> int:
        index = self._index.get(label)
        if index is None:
            known = ", ".join(self._labels)
            raise RecordError(Reason.BAD_ENVELOPE, f"label {label[:80]!r} is none of {known}")
        return index
