"""The kinds of steps of a graph: what each is given of a record, and what it makes of answers."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from aimass_stream.codecs.images import Pixels
from aimass_stream.ensembles.members import Member, Payload
from aimass_stream.error_text import describe
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import SEED_BYTES
from aimass_stream.records import (
    Detection,
    Detections,
    EmbeddedDetection,
    EmbeddedDetections,
    Embedding,
    FinerDetection,
    FinerDetections,
    Prediction,
)
from aimass_stream.records.detections import Box
from aimass_stream.records.told import split_told, write_told

_BLANK_EDGE = 64


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


class Boxes(NamedTuple):
    """Which boxes a step looks at.

    Attributes:
        after: the detector's step.
        labels: of the boxes that are looked at; empty for all.
        margin: share of a box's edges that is added on each side.
    """

    after: str
    labels: frozenset[str]
    margin: float


class CropStep(RunStep):
    """A step that looks closely at what a detector found.

    Args:
        name: of the step.
        member: its model, which answers with `Prediction`s or `Embedding`s.
        rows: crops that the model is given at a time.
        boxes: which are looked at, and how.
        join: makes the step's answer of what was found, the places of the objects that were
            looked at, and the model's answers for these.
    """

    def __init__(
        self,
        name: str,
        member: Member,
        rows: int,
        boxes: Boxes,
        join: Callable[[Detections, Sequence[int], Sequence[Any]], Any],
    ) -> None:
        super().__init__(name, member, rows)
        self._after = boxes.after
        self._labels = boxes.labels
        self._margin = boxes.margin
        self._join = join

    def try_out(self, model: str) -> None:
        """See that the model looks at pixels."""
        try:
            self.ask([self._prepare(np.zeros((_BLANK_EDGE, _BLANK_EDGE, 3), np.uint8))])
        except Exception as error:  # whatever a model for something else raises
            raise SetupError(
                f"{model}: step {self.name!r} is to look at crops, and {self.member.id} fails on "
                f"a blank one: {describe(error)}."
            ) from error

    def cut(self, work: Work, answers: dict[str, Any]) -> Cut:
        """A crop for each box; one that makes no input of the model's is not looked at."""
        found: Detections = answers[self._after]
        inputs: dict[int, Any] = {}
        for place, one in enumerate(found.objects):
            if not self._labels or one.label in self._labels:
                image = crop(work.images[self._after], one.box, self._margin)
                made = self._prepare(image)
                if made is not None:
                    inputs[place] = made
        return Cut(list(inputs.values()), partial(self._join, found, list(inputs)))

    def _prepare(self, image: Pixels) -> Any | None:
        sharing = self.member.sharing
        try:
            return None if sharing is None else sharing.prepare(image)
        except RecordError:
            # A box that is a thousand times as long as wide, say. The rest of the image is good.
            return None


def crop(image: Pixels, box: Box, margin: float) -> Pixels:
    """The part of an image that a box covers, at least a pixel: `(height, width, 3)` uint8.

    Args:
        image: `(height, width, 3)` uint8.
        box: in pixels of the image; its edges fall to the nearest pixel.
        margin: share of its width and height that is added on each side, within the image.
    """
    x0, y0, x1, y1 = box
    wide, high = margin * (x1 - x0), margin * (y1 - y0)
    left, right = _edges(x0 - wide, x1 + wide, image.shape[1])
    top, bottom = _edges(y0 - high, y1 + high, image.shape[0])
    return np.ascontiguousarray(image[top:bottom, left:right])


def _edges(first: float, last: float, length: int) -> tuple[int, int]:
    begin = min(max(math.floor(first + 0.5), 0), length - 1)
    return begin, max(begin + 1, min(math.floor(last + 0.5), length))


def finer(
    found: Detections, places: Sequence[int], answers: Sequence[Prediction]
) -> FinerDetections:
    """What was found, with the answers for the objects in these places."""
    looked_at = dict(zip(places, answers, strict=True))
    objects = [_finer(one, looked_at.get(place)) for place, one in enumerate(found.objects)]
    return FinerDetections(found.width, found.height, objects)


def embedded(
    found: Detections, places: Sequence[int], answers: Sequence[Embedding]
) -> EmbeddedDetections:
    """The objects in these places, each with its vector."""
    objects = [
        EmbeddedDetection(
            one.label,
            one.score,
            one.box,
            one.mask,
            vector=answer.vector,
            dimensions=answer.dimensions,
        )
        for one, answer in zip((found.objects[place] for place in places), answers, strict=True)
    ]
    return EmbeddedDetections(found.width, found.height, objects)


def _finer(found: Detection, closer: Prediction | None) -> FinerDetection:
    given = found if closer is None else closer
    return FinerDetection(
        given.label,
        given.score,
        found.box,
        found.mask,
        found_label=found.label,
        found_score=found.score,
        is_finer=closer is not None,
    )


def _only(answers: Sequence[Any]) -> Any:
    return answers[0]


def _nothing(answers: Sequence[Any]) -> None:
    del answers
