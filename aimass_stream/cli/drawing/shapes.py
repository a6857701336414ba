"""What an answer says of places in an image, found in its JSON; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from aimass_stream.records import Keypoint, Mask
from aimass_stream.records.detections import Box

MOST_SHAPES = 1_000
"""Of one record that are ever drawn."""
_MOST_DEPTH = 8


class Shape(msgspec.Struct, frozen=True):
    """One thing to draw.

    Attributes:
        label: what it is.
        score: how sure the model is; None where it does not say.
        box: left, top, right and bottom edge, in pixels of the image.
        mask: which pixels it covers.
        keypoints: its parts.
    """

    label: str
    score: float | None = None
    box: Box | None = None
    mask: Mask | None = None
    keypoints: list[Keypoint] = []

    @property
    def text(self) -> str:
        """The label, with the score where there is one."""
        return self.label if self.score is None else f"{self.label} {self.score:.2f}"


def shapes_of(value: bytes | None) -> list[Shape]:
    """What is to be drawn of an answer.

    Boxes, regions and masks are found at any depth, whatever the answer's type calls them: the
    objects of a detector, the regions of a segmentation, the steps of a graph, or a single thing.

    Args:
        value: an answer in JSON; anything else has nothing to draw.
    """
    try:
        found = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return []
    shapes = []
    for shape in _within(found, _MOST_DEPTH):
        shapes.append(shape)
        if len(shapes) == MOST_SHAPES:
            break
    return shapes


def _within(value: Any, depth: int) -> Iterator[Shape]:
    if isinstance(value, dict):
        shape = _read(value) if "label" in value else None
        if shape is not None:
            yield shape
            return
    if depth and isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _within(one, depth - 1)


def _read(value: dict[str, Any]) -> Shape | None:
    if value.get("box") is None and value.get("mask") is None:
        return None
    try:
        return msgspec.convert(value, Shape)
    except msgspec.ValidationError:
        return None
