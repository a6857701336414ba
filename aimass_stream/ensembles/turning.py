"""An image turned, scaled and moved until keypoints lie where they are to. In device processes."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aimass_stream.codecs.images import Pixels
from aimass_stream.ensembles.alignment import FEWEST, Alignment
from aimass_stream.error_text import extra_missing
from aimass_stream.errors import SetupError
from aimass_stream.records import Keypoint

Matrix = NDArray[np.float64]


def check_turning(known: Sequence[str], wanted: Alignment) -> None:
    """See that things can be turned at all.

    Args:
        known: the keypoints that the detector tells.
        wanted: where they are to lie.

    Raises:
        SetupError: the detector tells fewer than two of those that have a place, or scikit-image
            is not installed.
    """
    if len(wanted.places.keys() & set(known)) < FEWEST:
        raise SetupError(
            f"of the keypoints {', '.join(wanted.places)}, which are to have a place, the "
            f"detector must tell two or more; it tells {', '.join(known) or 'none'}"
        )
    if find_spec("skimage") is None:
        raise SetupError(
            f"turning by keypoints needs skimage, which is missing. {extra_missing('vision')}"
        )


def aligned(image: Pixels, keypoints: Sequence[Keypoint], wanted: Alignment) -> Pixels | None:
    """The crop of one thing, `(height, width, 3)` uint8; None where too little of it is known.

    Args:
        image: `(height, width, 3)` uint8.
        keypoints: of the thing, in pixels of the image.
        wanted: where they are to lie.
    """
    known = [
        one for one in keypoints if one.label in wanted.places and one.score >= wanted.threshold
    ]
    places = [(one.x, one.y) for one in known]
    to_image = _similarity(places, [wanted.places[one.label] for one in known])
    if to_image is None:
        return None
    picture = Image.fromarray(image)
    # Large steps between the crop's pixels would leave out most of the image's.
    step = min(int(np.hypot(*to_image[:, 0])), *picture.size)
    if step > 1:
        picture = picture.reduce(step)
        to_image = to_image / step
    moved = picture.transform(
        (wanted.width, wanted.height),
        Image.Transform.AFFINE,
        tuple(to_image.ravel().tolist()),
        resample=Image.Resampling.BILINEAR,
    )
    return np.asarray(moved)


def _similarity(
    places: Sequence[tuple[float, float]], wanted: Sequence[tuple[float, float]]
) -> Matrix | None:
    """`(2, 3)`: what makes a place in the crop one in the image; None where nothing fits."""
    from skimage.transform import SimilarityTransform

    if len(places) < FEWEST:
        return None
    # From the image to the crop, so that it is the crop's pixels whose squares are least.
    found = SimilarityTransform.from_estimate(np.array(places), np.array(wanted))
    if not found or not np.isfinite(found.params).all() or found.scale <= 0:
        return None
    inverse: Matrix = found.inverse.params[:2]
    return inverse
