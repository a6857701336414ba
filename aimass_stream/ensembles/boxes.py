"""How the boxes of several detectors become one set of boxes; pure.

Weighted boxes fusion (Solovyev, Wang and Gabruseva, "Weighted boxes fusion: Ensembling boxes from
different object detection models", Image and Vision Computing 107, 2021). Suppression keeps the box
of the surest detector and throws the others' away; here all that found a thing say where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aimass_stream.records import Detection
from aimass_stream.records.detections import Box

Boxes = NDArray[np.float64]
"""`(boxes, 4)`: x0, y0, x1, y1."""


@dataclass(slots=True)
class _Thing:
    """What is taken to be one thing.

    Attributes:
        boxes: that were found of it.
        scores: of each, times what its detector weighs.
        detectors: those that found it, and what each of them weighs.
        weight: of the detectors of all boxes together.
        place: `(4,)`, the mean of the boxes by their scores.
    """

    boxes: list[Box] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    detectors: dict[int, float] = field(default_factory=dict)
    weight: float = 0.0
    place: NDArray[np.float64] = field(default_factory=lambda: np.zeros(4))

    def take(self, one: Detection, detector: int, weight: float) -> None:
        """Have one more box."""
        self.boxes.append(one.box)
        self.scores.append(one.score * weight)
        self.detectors[detector] = weight
        self.weight += weight
        # Scores may all be 0: then each box counts alike.
        shares = self.scores if sum(self.scores) else None
        self.place = np.average(np.array(self.boxes), axis=0, weights=shares)


def fuse(
    found: Sequence[tuple[Sequence[Detection], float]], least_overlap: float
) -> list[Detection]:
    """One detection for each thing, best score first.

    Boxes are taken in the order of their weight, which is their score times what their detector
    weighs. One that overlaps a thing of its label enough joins the one it overlaps most, and moves
    it; else it is a new thing. A thing's score is the weighted mean of its boxes' scores, times the
    share of the weight of all detectors that those which found it have. Where each of them found it
    once that is the paper's; one that found it twice counts once here.

    Args:
        found: of each detector its objects, and what it weighs, above 0.
        least_overlap: intersection over union, above which boxes are of one thing.
    """
    total = sum(weight for _, weight in found)
    ranked = sorted(
        (
            (one, detector, weight)
            for detector, (objects, weight) in enumerate(found)
            for one in objects
        ),
        key=lambda each: -each[0].score * each[2],
    )
    things: dict[str, list[_Thing]] = {}
    for one, detector, weight in ranked:
        known = things.setdefault(one.label, [])
        place = _nearest(known, one.box, least_overlap)
        if place is None:
            place = len(known)
            known.append(_Thing())
        known[place].take(one, detector, weight)
    made = [
        Detection(label, _score(thing, total), _box(thing.place))
        for label, known in things.items()
        for thing in known
    ]
    return sorted(made, key=lambda one: -one.score)


def overlaps(box: Box, others: Boxes) -> NDArray[np.float64]:
    """`(boxes,)`: intersection over union with each; 0 where both are empty."""
    mine = np.array(box)
    edges = np.minimum(mine[2:], others[:, 2:]) - np.maximum(mine[:2], others[:, :2])
    shared = np.clip(edges, 0, None).prod(axis=1)
    both = _areas(mine[np.newaxis]) + _areas(others) - shared
    found: NDArray[np.float64] = np.divide(shared, both, out=np.zeros(len(others)), where=both > 0)
    return found


def _areas(boxes: Boxes) -> NDArray[np.float64]:
    areas: NDArray[np.float64] = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return areas


def _nearest(known: Sequence[_Thing], box: Box, least_overlap: float) -> int | None:
    if not known:
        return None
    found = overlaps(box, np.stack([thing.place for thing in known]))
    place = int(found.argmax())
    return place if found[place] > least_overlap else None


def _score(thing: _Thing, total: float) -> float:
    mean = sum(thing.scores) / thing.weight
    return min(1.0, mean * sum(thing.detectors.values()) / total)


def _box(place: NDArray[np.float64]) -> Box:
    x0, y0, x1, y1 = place.tolist()
    return x0, y0, x1, y1
