"""The answer of a detector: what is where in an image, and its outline where the model tells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1: left, top, right and bottom edge."""


class Mask(msgspec.Struct, frozen=True):
    """Which pixels of an image belong to something: the uncompressed run lengths of COCO.

    Attributes:
        size: height and width of the image, in pixels.
        counts: lengths of the runs of pixels outside and inside, in turn, beginning outside
            (0 where the first pixel is inside), down the columns from left to right.
    """

    size: tuple[int, int]
    counts: list[int]

    @classmethod
    def of(cls, pixels: NDArray[np.bool_]) -> Self:
        """The mask of `(height, width)` booleans."""
        flat = pixels.ravel(order="F")
        edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        ends = [0, *edges.tolist(), len(flat)]
        counts = [last - first for first, last in pairwise(ends)]
        inside = bool(len(flat)) and bool(flat[0])
        return cls((pixels.shape[0], pixels.shape[1]), [0, *counts] if inside else counts)

    @property
    def pixels(self) -> NDArray[np.bool_]:
        """`(height, width)` booleans.

        Raises:
            ValueError: the runs are not as long as the image.
        """
        values = np.arange(len(self.counts)) % 2 == 1
        flat: NDArray[np.bool_] = np.repeat(values, self.counts)
        return flat.reshape(self.size, order="F")

    @property
    def area(self) -> int:
        """Pixels inside."""
        return sum(self.counts[1::2])


class Detection(msgspec.Struct, frozen=True):
    """One thing that was found in an image.

    Attributes:
        label: what it is.
        score: how sure the model is, 0 to 1.
        box: x0, y0, x1, y1 in pixels of the image as it was sent and is seen (upright, before
            any resizing): x to the right and y down from the top left corner, so that
            `x1 - x0` is its width. Edges lie within the image.
        mask: its pixels, from models that tell instances apart.
    """

    label: str
    score: float
    box: Box
    mask: Mask | None = None


class Detections(msgspec.Struct, frozen=True):
    """What was found in an image; nothing may have been.

    Attributes:
        width: of the image as it was sent and is seen, in pixels.
        height: likewise.
        objects: best score first, none below the declaration's `threshold` and no more than its
            `top`.
    """

    width: int
    height: int
    objects: list[Detection] = []

    @property
    def labels(self) -> Sequence[str]:
        """The label of each object."""
        return [found.label for found in self.objects]


class FinerDetection(Detection, frozen=True, kw_only=True):
    """One thing that was found, and that another model then looked at closely.

    Attributes:
        label: what the second model calls it; the detector's own where that was not asked.
        score: how sure whoever gave the label is, 0 to 1.
        found_label: what the detector calls it.
        found_score: how sure the detector is, 0 to 1.
        is_finer: whether the second model gave the label: it is not asked about every thing.
    """

    found_label: str
    found_score: float
    is_finer: bool = True


class FinerDetections(msgspec.Struct, frozen=True):
    """What was found in an image, each thing with the label of a second model.

    Attributes:
        width: of the image as it was sent and is seen, in pixels.
        height: likewise.
        objects: in the detector's order: its best score first.
    """

    width: int
    height: int
    objects: list[FinerDetection] = []

    @property
    def labels(self) -> Sequence[str]:
        """The label of each object."""
        return [found.label for found in self.objects]


class EmbeddedDetection(Detection, frozen=True, kw_only=True):
    """One thing that was found, and the vector that another model made of it.

    It reads as an `Embedding` too: on a topic of its own it may be fed to a gallery as it is.

    Attributes:
        vector: its numbers as little-endian float32, of unit length; base64 in JSON.
        dimensions: how many.
    """

    vector: bytes
    dimensions: int


class EmbeddedDetections(msgspec.Struct, frozen=True):
    """What was found in an image, each thing with its vector.

    Attributes:
        width: of the image as it was sent and is seen, in pixels.
        height: likewise.
        objects: those that were looked at, in the detector's order: its best score first.
    """

    width: int
    height: int
    objects: list[EmbeddedDetection] = []

    @property
    def labels(self) -> Sequence[str]:
        """The label of each object."""
        return [found.label for found in self.objects]
