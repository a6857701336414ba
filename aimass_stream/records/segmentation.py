"""The answer of a model that says of every pixel what it shows."""

from __future__ import annotations

import msgspec

from aimass_stream.records.detections import Mask


class Region(msgspec.Struct, frozen=True):
    """All pixels of an image that show one class of things.

    Attributes:
        label: the class.
        share: of the image's pixels, above 0 and up to 1.
        mask: which pixels; None where the declaration says `masks=False`.
    """

    label: str
    share: float
    mask: Mask | None = None


class Segmentation(msgspec.Struct, frozen=True):
    """An image divided into classes; the shares of all its regions add up to 1.

    Attributes:
        width: of the image as it was sent and is seen, in pixels.
        height: likewise.
        regions: the classes that occur, largest first.
    """

    width: int
    height: int
    regions: list[Region]
