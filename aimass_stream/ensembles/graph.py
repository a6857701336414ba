"""The declaration of a graph of models; importing it imports no model library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, Generic, Literal, cast

import msgspec

from aimass_stream.declaration import require
from aimass_stream.ensembles.alignment import Alignment
from aimass_stream.ensembles.declared import check_part, check_readers, takes_of_all
from aimass_stream.model import AnswerT, Model
from aimass_stream.records import (
    Detections,
    Embedding,
    Generated,
    PosedDetections,
    Prediction,
    Record,
    Transcript,
)

Reads = Literal["record", "crops", "text"]
"""What a step is given: the record, parts of its image, or a text that another step wrote."""

BOXES = (Detections, PosedDetections)
"""Answers that say where things are in an image."""
TEXTS = (Transcript, Generated)
"""Answers that are a text which another model may read."""
ON_CROPS = (Prediction, Embedding)
"""Answers of models that look at parts of an image."""


@dataclass(frozen=True)
class Step:
    """One model of a graph.

    Attributes:
        model: what answers.
        after: the step whose answer it reads: a detector's (each box is cropped, and the model
            says what it is, or makes a vector of it), a recogniser's or a writer's (the model
            reads the text). Empty where it reads the record.
        labels: after a detector: of these boxes only; of all where none are named.
        margin: after a detector: how much of a box's width and height is added on each side.
        align: after a detector of keypoints: each thing is turned until these lie in their places,
            instead of being cropped by its box.
    """

    model: Model[Any]
    after: str = ""
    labels: Sequence[str] = ()
    margin: float = 0.0
    align: Alignment | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What it is to read, as plain data; how to turn only where it is to."""
        turned = {} if self.align is None else {"align": self.align.options}
        return {
            "after": self.after,
            "labels": list(self.labels),
            "margin": float(self.margin),
            **turned,
        }


@dataclass(frozen=True)
class Graph(Model[AnswerT], Generic[AnswerT]):
    """Models of which one reads what another answered, in one device process.

    ```python
    class Street(msgspec.Struct, frozen=True):
        makes: FinerDetections

    street = Graph(
        "street",
        {"found": Step(detector), "makes": Step(classifier, after="found", labels=["car"])},
        answer=Street,
    )
    ```

    A record has one outcome: it is answered by every step or by none. Its version is made of
    those of its models.

    Attributes:
        name: of the whole.
        steps: by name; a step stands behind the one it reads. Several may read the record, or the
            same step.
        answer: the type of an answer: a `msgspec.Struct` whose fields are named after steps; the
            others' answers are not told. A step after a detector answers `FinerDetections`, or
            `EmbeddedDetections` where its model makes vectors; one that reads a text answers None
            where the text is blank.
        max_batch_rows: as of any model, but fewer: an image's pixels are held until it is cropped.

    Raises:
        ConfigError: a step cannot read what it is to, or a field is no step's.
    """

    adapter: ClassVar[str] = "aimass_stream.ensembles.runner:Runner"

    name: str
    steps: Mapping[str, Step] = field(hash=False)
    _: KW_ONLY
    answer: type[AnswerT]
    max_batch_rows: int = 32

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        super().__post_init__()
        named = isinstance(self.steps, Mapping)
        require(self, holds=named, otherwise=f"steps={self.steps!r}: give them by name")
        for name, step in self.steps.items():
            is_step = isinstance(step, Step)
            text = f"step {name!r} is no Step, but {step!r}; write Step(model)"
            require(self, holds=is_step, otherwise=text)
            check_part(self, step.model)
        problem = self._problem()
        require(self, holds=not problem, otherwise=problem)
        check_readers(self, self._readers)

    @property
    def answer_type(self) -> type[AnswerT]:
        """The type of an answer."""
        return self.answer

    @property
    def location(self) -> str:
        """Nowhere: all weights are its steps'."""
        return ""

    @property
    def takes(self) -> str:
        """What the steps that read the record take of it."""
        return takes_of_all(self._readers)

    @property
    def parts(self) -> Sequence[Model[Any]]:
        """The steps' models, in their order."""
        return [step.model for step in self.steps.values()]

    @property
    def seeded(self) -> bool:
        """Whether a step draws at random."""
        return any(step.model.seeded for step in self.steps.values())

    @property
    def is_told(self) -> bool:
        """Whether a step that reads the record is given more of it than its payload."""
        return any(model.is_told for model in self._readers)

    @property
    def must_be_told(self) -> bool:
        """Whether such a step can answer nothing without."""
        return any(model.must_be_told for model in self._readers)

    def told(self, record: Record) -> Mapping[str, Any]:
        """What each of these steps is given of a record beside its payload, by the step's name.

        Raises:
            RecordError: the record does not say what it must.
        """
        return {
            name: step.model.told(record)
            for name, step in self.steps.items()
            if not step.after and step.model.is_told
        }

    @property
    def options(self) -> Mapping[str, Any]:
        """The steps as the device process runs them, and whose answers it tells."""
        steps = [{"name": name, **step.options} for name, step in self.steps.items()]
        ways = [
            {
                "reads": self._reads(step),
                "rows": step.model.max_batch_rows,
                "seeded": step.model.seeded,
                "told": step.model.is_told,
                "embeds": issubclass(step.model.answer_type, Embedding),
            }
            for step in self.steps.values()
        ]
        return {
            "steps": steps,
            "ways": ways,
            "tells": self._tells,
            "seeded": self.seeded,
            "told": self.is_told,
        }

    @property
    def defaults(self) -> Mapping[str, Any]:
        """No steps, so that all of them are part of the version; how they are run is not."""
        return {**super().defaults, "steps": [], "tells": []}

    def cost(self, record: Record) -> float:
        """What the record costs the steps that read it, and 1 for each that reads another.

        How much there will be to read is not known beforehand.
        """
        return sum(1.0 if step.after else step.model.cost(record) for step in self.steps.values())

    @property
    def _readers(self) -> list[Model[Any]]:
        """The models that are given the record itself."""
        return [step.model for step in self.steps.values() if not step.after]

    @property
    def _tells(self) -> list[str]:
        return [one.encode_name for one in self._fields]

    @property
    def _fields(self) -> tuple[msgspec.structs.FieldInfo, ...]:
        """Those of the answer's type, which is known to be a Struct."""
        return msgspec.structs.fields(cast(type[msgspec.Struct], self.answer))

    def _reads(self, step: Step) -> Reads:
        """What a step is given; the step it reads is known to be one that can be read."""
        if not step.after:
            return "record"
        answered = self.steps[step.after].model.answer_type
        return "crops" if issubclass(answered, BOXES) else "text"

    def _problem(self) -> str:
        if not self.name or not self.steps:
            return "it needs a name, and a step"
        known: set[str] = set()
        for name, step in self.steps.items():
            problem = self._problem_of(step, known)
            if problem:
                return f"step {name!r} {problem}"
            known.add(name)
        return self._problem_of_answer()

    def _problem_of(self, step: Step, known: set[str]) -> str:
        """What is wrong with a step behind these, as the end of a sentence."""
        if step.after and step.after not in known:
            return f"is after {step.after!r}, which is no step before it"
        if step.after and step.model.must_be_told:
            return "reads names of the record, which it is not given; declare its `labels`"
        source = self.steps[step.after] if step.after else None
        if source is None or issubclass(source.model.answer_type, TEXTS):
            return "takes labels, a margin or places, and reads no boxes" if _crops(step) else ""
        if not issubclass(source.model.answer_type, BOXES):
            return f"is after {step.after!r}, whose answer no model reads"
        if source.after or not issubclass(step.model.answer_type, ON_CROPS):
            return (
                "is after a detector: that must read the record, and this give a `Prediction` or "
                "an `Embedding`"
            )
        return _problem_of_crops(step, source)

    def _problem_of_answer(self) -> str:
        if not (isinstance(self.answer, type) and issubclass(self.answer, msgspec.Struct)):
            return f"answer={self.answer!r} is no msgspec.Struct"
        for one in self._fields:
            step = self.steps.get(one.encode_name)
            if step is None:
                return f"{self.answer.__name__} has the field {one.name!r}, which is no step"
            if self._reads(step) == "text" and not _may_be_none(one.type):
                return f"{self.answer.__name__}.{one.name} must allow None, for blank texts"
        return "" if self._fields else f"{self.answer.__name__} has no field"


def _problem_of_crops(step: Step, source: Step) -> str:
    if isinstance(step.labels, str) or not all(isinstance(one, str) for one in step.labels):
        return f"has labels={step.labels!r}; give a list of names"
    if step.align is not None:
        if not isinstance(step.align, Alignment) or step.margin:
            return f"has align={step.align!r}; give an Alignment, and no margin beside it"
        if not issubclass(source.model.answer_type, PosedDetections):
            return f"has places for keypoints, and {step.after!r} tells none"
    is_share = isinstance(step.margin, int | float) and 0 <= step.margin <= 1
    return "" if is_share else f"has a margin of {step.margin!r}, not 0 to 1"


def _crops(step: Step) -> bool:
    return bool(step.labels or step.margin or step.align)


def _may_be_none(kind: Any) -> bool:
    try:
        msgspec.convert(None, kind)
    except msgspec.ValidationError:
        return False
    return True
