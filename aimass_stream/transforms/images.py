"""Transforms of images: cleaning, and features. Declarations only; `pixels` does them.

Cleaning gives an image of the same height and width, so coordinates in answers stay those of the
record. What works on grey spreads it to three channels again.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from aimass_stream.errors import ConfigError
from aimass_stream.transforms.chain import Kind, Transform

_DOES = "aimass_stream.transforms.pixels:"


class _Cleaning(Transform, frozen=True):
    takes = gives = Kind.IMAGE


class _Feature(Transform, frozen=True):
    takes = Kind.IMAGE
    gives = Kind.VECTOR


class Greyscale(_Cleaning, frozen=True):
    """Luma (ITU-R 601-2, as Pillow's mode L) in all three channels."""

    does = _DOES + "greyscale"


class EqualizeHistogram(_Cleaning, frozen=True):
    """Spread each channel's values evenly over 0 to 255 (Pillow's `ImageOps.equalize`)."""

    does = _DOES + "equalize"


class AutoContrast(_Cleaning, frozen=True):
    """Stretch each channel to 0 to 255 (Pillow's `ImageOps.autocontrast`).

    Attributes:
        cutoff: percent of the darkest and of the brightest pixels that are left out of account.
    """

    does = _DOES + "autocontrast"

    cutoff: Annotated[float, Meta(ge=0, lt=50)] = 0.0


class AdaptiveThreshold(_Cleaning, frozen=True):
    """White where grey is above what its neighbourhood says, else black.

    `skimage.filters.threshold_local`; needs the extra `vision`.

    Attributes:
        block_size: edge of the neighbourhood in pixels, odd.
        offset: subtracted from the neighbourhood's value, in steps of 0 to 255.
        method: how a neighbourhood is summed up.
    """

    does = _DOES + "adaptive_threshold"
    library, extra = "skimage", "vision"

    block_size: Annotated[int, Meta(ge=3, le=999)] = 35
    offset: float = 0.0
    method: Literal["gaussian", "mean", "median"] = "gaussian"

    def __post_init__(self) -> None:
        if self.block_size % 2 == 0:
            raise ConfigError(f"AdaptiveThreshold: block_size={self.block_size} is not odd.")


class MedianFilter(_Cleaning, frozen=True):
    """Denoise: the median of each pixel's neighbourhood (Pillow's `ImageFilter.MedianFilter`).

    Attributes:
        size: edge of the neighbourhood in pixels: 3, 5, 7 or 9.
    """

    does = _DOES + "median"

    size: Literal[3, 5, 7, 9] = 3


class DenoiseTotalVariation(_Cleaning, frozen=True):
    """Denoise by total variation (Chambolle 2004; `skimage.restoration`); needs `vision`.

    Attributes:
        weight: the more, the smoother.
    """

    does = _DOES + "denoise_total_variation"
    library, extra = "skimage", "vision"

    weight: Annotated[float, Meta(gt=0, le=10)] = 0.1


class ColourHistogram(_Feature, frozen=True):
    """The share of pixels in each bin of each channel: `3 * bins` columns, red first.

    Attributes:
        bins: of equal width over 0 to 255.
    """

    does = _DOES + "colour_histogram"

    bins: Annotated[int, Meta(ge=2, le=256)] = 8


class Brightness(_Feature, frozen=True):
    """Mean and standard deviation of luma, 0 to 1: two columns."""

    does = _DOES + "brightness"


class EdgeDirection(_Feature, frozen=True):
    """How strong the edges of each direction are, as shares: `bins` columns.

    Sobel gradients of luma (`scipy.ndimage`), their directions modulo 180 degrees weighted by
    their strength. All are 0 where an image has no edge.

    Attributes:
        bins: of equal width over 0 to 180 degrees.
    """

    does = _DOES + "edge_direction"

    bins: Annotated[int, Meta(ge=2, le=180)] = 9


class Hog(_Feature, frozen=True):
    """Histogram of oriented gradients (Dalal & Triggs 2005; `skimage.feature.hog`).

    The image becomes grey and is resized to `width` x `height` (bilinear) first, so that the
    columns are the same ones whatever its size. Needs the extra `vision`.

    Attributes:
        width: in pixels.
        height: likewise.
        orientations: bins over 0 to 180 degrees.
        cell: edge of a cell in pixels.
        block: edge of a block in cells.
    """

    does = _DOES + "hog"
    library, extra = "skimage", "vision"

    width: Annotated[int, Meta(ge=16, le=1024)] = 64
    height: Annotated[int, Meta(ge=16, le=1024)] = 64
    orientations: Annotated[int, Meta(ge=2, le=36)] = 9
    cell: Annotated[int, Meta(ge=2, le=256)] = 8
    block: Annotated[int, Meta(ge=1, le=8)] = 2

    def __post_init__(self) -> None:
        if self.cell * self.block > min(self.width, self.height):
            raise ConfigError("Hog: a block is larger than the image; make cell or block smaller.")
