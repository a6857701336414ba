"""The kinds of steps of a graph: what each is given of a record, and what it makes of answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aimass_stream.codecs.images import Pixels
from aimass_stream.ensembles.members import Member, Payload
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import SEED_BYTES
from aimass_stream.records.told import split_told, write_told


@dataclass(slots=True)
class Work:
    """One record on its way through a graph.

    Attributes:
        seed: bytes that whatever draws at random begins with; empty where nothing does.
        inputs: of the steps that read the record, by their names.
        images: the pixels that a detector looked at, `(height, width, 3)` uint8, by its step.
    """

    seed: bytes
    inputs: dict[str, Any] = field(default_factory=dict)
    images: dict[str, Pixels] = field(default_factory=dict)


class Given(NamedTuple):
    """What a model is given beside a payload.

    Attributes:
        seed: whether a record's seed.
        told: whether what a record says, as `write_told` writes it.
    """

    seed: bool
    told: bool

    def payload(self, seed: bytes, told: Mapping[str, Any], body: Payload) -> bytes:
        """A payload as the model decodes it; `seed` and `told` stand in it if it is given them."""
        before = seed if self.seed else b""
        return b"".join((before, write_told(told) if self.told else b"", body))

    def split(self, payload: Payload) -> tuple[bytes, dict[str, Any], Payload]:
        """The seed, what the record says, and the payload behind both; blank what is not given."""
        seed = bytes(payload[:SEED_BYTES]) if self.seed else b""
        body = payload[len(seed) :]
        if not self.told:
            return seed, {}, body
        return seed, *split_told(body)


class Cut(NamedTuple):
    """What a step is given of one record.

    Attributes:
        inputs: any number of them.
        join: makes the step's answer for the record of the answers to these.
    """

    inputs: list[Any]
    join: Callable[[Sequence[Any]], Any]


class RunStep(ABC):
    """A step with its loaded model.

    Args:
        name: of the step.
        member: its model.
        rows: inputs that the model is given at a time.
    """

    def __init__(self, name: str, member: Member, rows: int) -> None:
        self.name = name
        self.member = member
        self._rows = rows

    def try_out(self, model: str) -> None:  # noqa: B027 - a record's own input is tried by its model
        """See that the model takes what it will be given.

        Args:
            model: the graph's `name@version`, for messages.

        Raises:
            SetupError: it does not.
        """

    @abstractmethod
    def cut(self, work: Work, answers: dict[str, Any]) -> Cut:
        """What the model is given of a record, by the answers of the steps before.

        Raises:
            RecordError: it cannot be given that.
        """

    def ask(self, inputs: Sequence[Any]) -> list[Any]:
        """The model's answers, in order.

        Raises:
            ValueError: there are more or fewer than inputs.
        """
        found: list[Any] = []
        for first in range(0, len(inputs), self._rows):
            found += self.member.predictor.predict(inputs[first : first + self._rows])
        if len(found) != len(inputs):
            raise ValueError(f"{self.member.id} gave {len(found)} answers for {len(inputs)} inputs")
        return found


class RecordStep(RunStep):
    """A step that reads the record.

    Args:
        name: of the step.
        member: its model.
        rows: inputs that the model is given at a time.
        given: what the model is given beside the record's payload.
    """

    def __init__(self, name: str, member: Member, rows: int, given: Given) -> None:
        super().__init__(name, member, rows)
        self.given = given

    def cut(self, work: Work, answers: dict[str, Any]) -> Cut:
        """The input that was decoded."""
        del answers
        return Cut([work.inputs[self.name]], _only)


class TextStep(RunStep):
    """A step that reads what another wrote; where that is blank it answers None.

    Args:
        name: of the step.
        member: its model.
        rows: inputs that the model is given at a time.
        after: the step that writes.
        given: what the model is given beside a text; it is told nothing, as the text is all
            that there is.
    """

    def __init__(self, name: str, member: Member, rows: int, after: str, given: Given) -> None:
        super().__init__(name, member, rows)
        self._given = given
        self._after = after

    def try_out(self, model: str) -> None:
        """See that the model reads texts."""
        try:
            self.member.predictor.decode(self._given.payload(bytes(SEED_BYTES), {}, b"a"))
        except RecordError as error:
            # Another reason may be the letter's: there are models that know none.
            if error.reason is Reason.TYPE_MISMATCH:
                raise SetupError(
                    f"{model}: step {self.name!r} is to read a text, and {self.member.id} reads "
                    f"none: {error.detail}."
                ) from error

    def cut(self, work: Work, answers: dict[str, Any]) -> Cut:
        """The text, if there is one."""
        written = answers[self._after]
        if written is None or not written.text.strip():
            return Cut([], _nothing)
        payload = self._given.payload(work.seed, {}, written.text.encode())
        return Cut([self.member.predictor.decode(payload)], _only)


def _only(answers: Sequence[Any]) -> Any:
    return answers[0]


def _nothing(answers: Sequence[Any]) -> None:
    del answers
