"""The step of a graph that looks closely at what a detector found, each thing cut out by itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from aimass_stream.codecs.images import Pixels
from aimass_stream.ensembles.alignment import Alignment
from aimass_stream.ensembles.members import Member
from aimass_stream.ensembles.steps import Cut, RunStep, Work
from aimass_stream.ensembles.turning import aligned
from aimass_stream.error_text import describe
from aimass_stream.errors import RecordError, SetupError
from aimass_stream.records import (
    Detection,
    Detections,
    EmbeddedDetection,
    EmbeddedDetections,
    Embedding,
    FinerDetection,
    FinerDetections,
    PosedDetection,
    PosedDetections,
    Prediction,
)
from aimass_stream.records.detections import Box

_BLANK_EDGE = 64

Found = Detections | PosedDetections
"""What a detector answers."""


class Boxes(NamedTuple):
    """Which boxes a step looks at.

    Attributes:
        after: the detector's step.
        labels: of the boxes that are looked at; empty for all.
        margin: share of a box's edges that is added on each side.
        align: where keypoints are to lie, instead of a crop of the box.
    """

    after: str
    labels: frozenset[str]
    margin: float
    align: Alignment | None = None

    def cut(self, image: Pixels, one: Detection) -> Pixels | None:
        """What a model is shown of one thing; None where too few of its keypoints are known."""
        if self.align is not None and isinstance(one, PosedDetection):
            return aligned(image, one.keypoints, self.align)
        return crop(image, one.box, self.margin)


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
        join: Callable[[Found, Sequence[int], Sequence[Any]], Any],
    ) -> None:
        super().__init__(name, member, rows)
        self._boxes = boxes
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
        after, labels = self._boxes.after, self._boxes.labels
        found: Found = answers[after]
        inputs: dict[int, Any] = {}
        for place, one in enumerate(found.objects):
            if not labels or one.label in labels:
                shown = self._boxes.cut(work.images[after], one)
                made = None if shown is None else self._prepare(shown)
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


def finer(found: Found, places: Sequence[int], answers: Sequence[Prediction]) -> FinerDetections:
    """What was found, with the answers for the objects in these places."""
    looked_at = dict(zip(places, answers, strict=True))
    objects = [_finer(one, looked_at.get(place)) for place, one in enumerate(found.objects)]
    return FinerDetections(found.width, found.height, objects)


def embedded(
    found: Found, places: Sequence[int], answers: Sequence[Embedding]
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
