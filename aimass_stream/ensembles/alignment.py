"""The declaration of crops that are turned upright by keypoints: where named parts are to lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from math import isfinite
from typing import Any, Self

from aimass_stream.errors import ConfigError

FEWEST = 2
"""Keypoints that say how a thing is turned."""
_LARGEST_EDGE = 1024


@dataclass(frozen=True)
class Alignment:
    """Where named keypoints of a thing are to lie in its crop.

    ```python
    Step(encoder, after="found", align=Alignment.of_faces())
    ```

    The crop is the image turned, scaled and moved so that the keypoints which the detector is sure
    of come as near to their places as they can: the similarity of least squares (Umeyama,
    "Least-squares estimation of transformation parameters between two point patterns", IEEE TPAMI
    13, 1991). What lies outside the image is black.

    Attributes:
        places: x and y of each keypoint in pixels of the crop, from its top left corner.
        width: of the crop in pixels.
        height: likewise.
        threshold: keypoints below this score are not used. A thing with fewer than two others,
            or with all of them in one place, is not looked at.

    Raises:
        ConfigError: fewer than two places, one that is no pair of numbers, a size that is none.
    """

    places: Mapping[str, tuple[float, float]] = field(hash=False)
    _: KW_ONLY
    width: int
    height: int
    threshold: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        edges = (self.width, self.height)
        good = all(type(edge) is int and 1 <= edge <= _LARGEST_EDGE for edge in edges)
        if not (good and 0 <= self.threshold <= 1 and _are_places(self.places)):
            raise ConfigError(
                f"Alignment of {self.width} x {self.height}: it needs two places or more, each "
                f"of a name and two numbers, edges of 1 to {_LARGEST_EDGE} pixels, and a "
                "threshold of 0 to 1"
            )

    @classmethod
    def of_faces(cls, *, edge: int = 112, threshold: float = 0.5) -> Self:
        """Upright faces, as encoders that were trained with ArcFace and its like know them.

        Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019.
        Names are those of COCO's keypoints, and `left_mouth` and `right_mouth` for the corners of
        the mouth; of these five any two that the detector knows will do.

        Args:
            edge: of the crop in pixels.
            threshold: keypoints below this score are not used.
        """
        places = {name: (x * edge / 112, y * edge / 112) for name, (x, y) in _FACE.items()}
        return cls(places, width=edge, height=edge, threshold=threshold)

    @property
    def options(self) -> dict[str, Any]:
        """Itself as plain data, of which `Alignment(**options)` makes it again."""
        places = {name: [float(x), float(y)] for name, (x, y) in self.places.items()}
        return {
            "places": places,
            "width": self.width,
            "height": self.height,
            "threshold": float(self.threshold),
        }


# In pixels of a crop of 112 x 112. Left and right are the person's own.
_FACE = {
    "right_eye": (38.2946, 51.6963),
    "left_eye": (73.5318, 51.5014),
    "nose": (56.0252, 71.7366),
    "right_mouth": (41.5493, 92.3655),
    "left_mouth": (70.7299, 92.2041),
}


def _are_places(places: object) -> bool:
    return (
        isinstance(places, Mapping)
        and len(places) >= FEWEST
        and all(isinstance(name, str) and _is_place(place) for name, place in places.items())
    )


def _is_place(place: object) -> bool:
    return (
        isinstance(place, tuple | list)
        and len(place) == 2
        and all(isinstance(one, int | float) and isfinite(one) for one in place)
    )
