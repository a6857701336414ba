"""Faces by scikit-image's trained cascade, in a device process; it runs on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aimass_stream.adapters.extras import require
from aimass_stream.adapters.opening import OpensImages
from aimass_stream.codecs.images import Pixels
from aimass_stream.model import ModelSpec
from aimass_stream.records import Detection, Detections

FACE = "face"
"""What each object is called."""


class CascadeFinder(OpensImages):
    """The `Predictor` of `FaceCascade`; images are looked at one by one.

    Args:
        spec: the resolved declaration; options `min_edge`, `scale_factor`, `step_ratio`, `top`.
        device: of no account.

    Raises:
        SetupError: scikit-image is not installed.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        del device
        self.open_within(spec, "pixels")
        require("skimage")
        from skimage.data import lbp_frontal_face_cascade_filename
        from skimage.feature import Cascade

        self._options = spec.options
        self._cascade: Any = Cascade(lbp_frontal_face_cascade_filename())

    def _prepare(self, cleaned: Pixels) -> Pixels:
        return cleaned

    def predict(self, inputs: Sequence[Pixels]) -> list[Detections]:
        """Where faces are in each image, in the order of the inputs, the largest first."""
        return [self._find(pixels) for pixels in inputs]

    def close(self) -> None:
        """Give the cascade's memory back."""
        del self._cascade

    def _find(self, pixels: Pixels) -> Detections:
        height, width = pixels.shape[:2]
        least, most = int(self._options["min_edge"]), min(height, width)
        found: list[dict[str, int]] = []
        if most >= least:
            found = self._cascade.detect_multi_scale(
                img=pixels,
                scale_factor=float(self._options["scale_factor"]),
                step_ratio=float(self._options["step_ratio"]),
                min_size=(least, least),
                max_size=(most, most),
            )
        found.sort(key=lambda one: (-one["width"], one["r"], one["c"]))
        objects = [_face(one) for one in found[: int(self._options["top"])]]
        return Detections(width, height, objects)


def _face(found: dict[str, int]) -> Detection:
    left, top = float(found["c"]), float(found["r"])
    return Detection(FACE, 1.0, (left, top, left + found["width"], top + found["height"]))
