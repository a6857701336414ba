"""Members whose payload says what each is to answer, and how it is to fail."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from aimass_stream.errors import Reason, RecordError
from aimass_stream.model import SEED_BYTES, Model, ModelSpec
from aimass_stream.records import (
    Detection,
    Detections,
    Embedding,
    Estimate,
    Generated,
    Labels,
    Prediction,
    Transcript,
)
from aimass_stream.records.told import split_told

LABELS = ["no", "yes"]


@dataclass(frozen=True)
class Scripted(Model[Prediction]):
    """Answers what the payload, a JSON object, has under its name: the probability of `yes`."""

    adapter: ClassVar[str] = "tests.ensembles.fakes:ScriptedPredictor"

    name: str
    version: str = "1"
    labels: tuple[str, ...] = ("no", "yes")
    top: int = 1
    units: float = 1.0

    @property
    def answer_type(self) -> type[Prediction]:
        return Prediction

    @property
    def location(self) -> str:
        return ""

    @property
    def options(self) -> dict[str, Any]:
        return {"labels": list(self.labels), "top": self.top}

    def cost(self, record: Any) -> float:
        return self.units


class ScriptedPredictor:
    """`raise` fails the call, `refuse` the record, `nan` and `odd` are no answers."""

    def __init__(self, spec: ModelSpec, device: str) -> None:
        assert device == "cpu"
        self._name = spec.name
        self.labels = spec.options["labels"]
        self.top = int(spec.options["top"])
        self.calls: list[int] = []
        self.opened = 0
        self.is_closed = False

    def decode(self, payload: bytes | memoryview) -> Any:
        told = json.loads(bytes(payload))[self._name]
        if told == "undecodable":
            raise RecordError(Reason.TOO_LARGE, "it is too large for this one")
        if told == "broken":
            raise KeyError(told)
        return told

    def predict(self, inputs: Sequence[Any]) -> list[Any]:
        self.calls.append(len(inputs))
        if "memory" in inputs and len(inputs) > 1:
            raise MemoryError
        if "raise" in inputs:
            raise RuntimeError("told to raise")
        found = [self._answer(told) for told in inputs]
        return found[1:] if "short" in inputs else found

    def close(self) -> None:
        self.is_closed = True

    def _answer(self, told: Any) -> Any:
        if told == "refuse":
            return RecordError(Reason.INVALID_OUTPUT, "told to refuse")
        if told == "odd":
            return {"label": "yes"}
        yes = math.nan if told == "nan" else 0.5 if isinstance(told, str) else float(told)
        scores = dict(sorted({"yes": yes, "no": 1 - yes}.items(), key=lambda pair: -pair[1]))
        label = next(iter(scores))
        return Prediction(label, scores[label], dict(list(scores.items())[: self.top]))


@dataclass(frozen=True)
class Guess(Scripted):
    """Answers with the numbers or the labels' probabilities that the payload has under its name.

    Attributes:
        gives: `Estimate` or `Labels`.
    """

    adapter: ClassVar[str] = "tests.ensembles.fakes:GuessPredictor"

    gives: type[Any] = Estimate

    @property
    def answer_type(self) -> type[Any]:
        return self.gives

    @property
    def options(self) -> dict[str, Any]:
        return {**super().options, "gives": self.gives.__name__}


class GuessPredictor(ScriptedPredictor):
    """A label applies to a `Labels` of its own from a probability of 0.9 on."""

    def __init__(self, spec: ModelSpec, device: str) -> None:
        super().__init__(spec, device)
        self._gives = spec.options["gives"]

    def _answer(self, told: Any) -> Any:
        if not isinstance(told, dict):
            return super()._answer(told)
        if self._gives == "Estimate":
            return Estimate(told)
        return Labels([name for name, score in told.items() if score >= 0.9], told)


@dataclass(frozen=True)
class Opening(Scripted):
    """A `Scripted` that decodes in two steps."""

    adapter: ClassVar[str] = "tests.ensembles.fakes:OpeningPredictor"


class OpeningPredictor(ScriptedPredictor):
    """Counts what it opens and prepares, over all of its kind."""

    opening: Hashable = "json"
    preparing: Hashable = None
    opened_payloads: ClassVar[list[bytes]] = []

    def open(self, payload: bytes | memoryview) -> Any:
        self.opened_payloads.append(bytes(payload))
        return json.loads(bytes(payload))

    def prepare(self, opened: Any) -> Any:
        return opened[self._name]


@dataclass(frozen=True)
class Boxes(Model[Detections]):
    """Finds the boxes that the payload names, a JSON list of labels and boxes."""

    adapter: ClassVar[str] = "tests.ensembles.fakes:BoxesPredictor"

    name: str = "boxes"
    version: str = "1"
    units: float = 4.0

    @property
    def answer_type(self) -> type[Detections]:
        return Detections

    @property
    def location(self) -> str:
        return ""

    def cost(self, record: Any) -> float:
        return self.units


class BoxesPredictor:
    """An image is 8 pixels wide and 6 high, in grey: the pixel at x, y is 10 * y + x."""

    opening: Hashable = "boxes"
    preparing: Hashable = None

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._boxes: dict[int, Any] = {}

    def open(self, payload: bytes | memoryview) -> Any:
        image = Image(np.add.outer(10 * np.arange(6), np.arange(8)).astype(np.uint8))
        image.boxes = json.loads(bytes(payload))
        return image

    def prepare(self, opened: Any) -> Any:
        return opened.boxes

    def decode(self, payload: bytes | memoryview) -> Any:
        return self.prepare(self.open(payload))

    def predict(self, inputs: Sequence[Any]) -> list[Detections]:
        return [
            Detections(8, 6, [Detection(label, 0.9, tuple(box)) for label, box in boxes])
            for boxes in inputs
        ]

    def close(self) -> None:
        pass


class Image(np.ndarray[Any, np.dtype[np.uint8]]):
    """Pixels that know their boxes."""

    boxes: Any

    def __new__(cls, pixels: Any) -> Any:
        return np.repeat(pixels[:, :, np.newaxis], 3, axis=2).view(cls)


@dataclass(frozen=True)
class Corner(Model[Prediction]):
    """Says which pixels lie in the corners of an image; one of a single column is refused."""

    adapter: ClassVar[str] = "tests.ensembles.fakes:CornerPredictor"

    name: str = "corner"
    version: str = "1"

    @property
    def answer_type(self) -> type[Prediction]:
        return Prediction

    @property
    def location(self) -> str:
        return ""


class CornerPredictor:
    """Notes how many crops it is given at a time."""

    opening: Hashable = "boxes"
    preparing: Hashable = None

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self.calls: list[int] = []

    def open(self, payload: bytes | memoryview) -> Any:
        return json.loads(bytes(payload))

    def prepare(self, opened: Any) -> Any:
        if opened.shape[1] == 1:
            raise RecordError(Reason.TOO_LARGE, "too narrow")
        return np.array(opened)

    def decode(self, payload: bytes | memoryview) -> Any:
        if bytes(payload) == b"a":
            raise RecordError(Reason.TYPE_MISMATCH, "a text")
        return self.prepare(self.open(payload))

    def predict(self, inputs: Sequence[Any]) -> list[Any]:
        if inputs[0].shape != (64, 64, 3):
            self.calls.append(len(inputs))
        return [
            RecordError(Reason.INVALID_OUTPUT, "told to refuse")
            if image[0, 0, 0] == 33
            else Prediction(f"{image[0, 0, 0]} to {image[-1, -1, 0]}", 0.75)
            for image in inputs
        ]

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Corners(Corner):
    """The corners as a vector."""

    adapter: ClassVar[str] = "tests.ensembles.fakes:CornersPredictor"

    @property
    def answer_type(self) -> type[Any]:
        return Embedding


class CornersPredictor(CornerPredictor):
    def predict(self, inputs: Sequence[Any]) -> list[Any]:
        return [
            Embedding.of(np.array([image[0, 0, 0], image[-1, -1, 0]], np.float32))
            for image in inputs
        ]


@dataclass(frozen=True)
class Writes(Model[Any]):
    """Answers with a text: the payload's, or the payload's in capitals."""

    adapter: ClassVar[str] = "tests.ensembles.fakes:WritesPredictor"

    name: str
    answer: type[Any]
    version: str = "1"
    draws: bool = False

    @property
    def answer_type(self) -> type[Any]:
        return self.answer

    @property
    def location(self) -> str:
        return ""

    @property
    def seeded(self) -> bool:
        return self.draws

    @property
    def options(self) -> dict[str, Any]:
        return {"answer": self.answer.__name__, "draws": self.draws}


class WritesPredictor:
    """A seeded one says its seed, too."""

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._answer = spec.options["answer"]
        self._draws = spec.options["draws"]

    def decode(self, payload: bytes | memoryview) -> str:
        held = bytes(payload)
        if self._draws:
            return f"{held[:8].hex()} {held[8:].decode()}"
        if held == b"bad":
            raise RecordError(Reason.UNDECODABLE, "bad")
        return held.decode()

    def predict(self, inputs: Sequence[str]) -> list[Any]:
        if self._answer == "Transcript":
            return [Transcript(text.strip(), [], 1.0) for text in inputs]
        if self._answer == "Generated":
            return [Generated(text.upper(), "end", 1, 1) for text in inputs]
        return [Prediction(str(len(text)), 1.0) for text in inputs]

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Greets(Writes):
    """A text behind the greeting that the record says; `must` fail without one."""

    adapter: ClassVar[str] = "tests.ensembles.fakes:GreetsPredictor"

    must: bool = False

    @property
    def is_told(self) -> bool:
        return True

    @property
    def must_be_told(self) -> bool:
        return self.must

    def told(self, record: Any) -> dict[str, Any]:
        return {"greeting": f"{self.name}: {record.metadata['greeting']}"}


class GreetsPredictor(WritesPredictor):
    """A seeded one is told behind its seed."""

    def decode(self, payload: bytes | memoryview) -> str:
        start = SEED_BYTES if self._draws else 0
        told, text = split_told(payload[start:])
        said = super().decode(bytes(payload[:start]) + bytes(text))
        return f"{told.get('greeting', 'nobody')}, {said}"
