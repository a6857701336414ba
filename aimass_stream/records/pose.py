"""The answer of a detector that also says where named parts of each thing are."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from aimass_stream.records.detections import Detection


class Keypoint(msgspec.Struct, frozen=True):
    """Where one named part of a thing is.

    Attributes:
        label: what part; left and right are the thing's own, not the viewer's.
        x: in pixels of the image as it was sent and is seen, to the right from its left edge.
        y: likewise, down from its top edge.
        score: how sure the model is of the place, 0 to 1; of a part that is hidden it is low.
    """

    label: str
    x: float
    y: float
    score: float


class PosedDetection(Detection, frozen=True, kw_only=True):
    """One thing that was found, and its parts.

    Attributes:
        keypoints: all that the model knows of, in its order, hidden ones too.
    """

    keypoints: list[Keypoint]


class PosedDetections(msgspec.Struct, frozen=True):
    """What was found in an image, each thing with its parts; nothing may have been.

    Attributes:
        width: of the image as it was sent and is seen, in pixels.
        height: likewise.
        objects: best score first, none below the declaration's `threshold` and no more than its
            `top`.
    """

    width: int
    height: int
    objects: list[PosedDetection] = []

    @property
    def labels(self) -> Sequence[str]:
        """The label of each object."""
        return [found.label for found in self.objects]
