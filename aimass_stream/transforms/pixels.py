"""What the transforms of images do; in device processes only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from aimass_stream.codecs.images import Pixels
from aimass_stream.transforms.values import Vector


def greyscale(pixels: Pixels) -> Pixels:
    """Luma in all three channels."""
    return _spread(_luma(pixels))


def equalize(pixels: Pixels) -> Pixels:
    """Each channel's histogram made even."""
    return np.asarray(ImageOps.equalize(Image.fromarray(pixels)))


def autocontrast(pixels: Pixels, cutoff: float) -> Pixels:
    """Each channel stretched to 0 to 255."""
    return np.asarray(ImageOps.autocontrast(Image.fromarray(pixels), cutoff))


def adaptive_threshold(pixels: Pixels, block_size: int, offset: float, method: str) -> Pixels:
    """White where luma is above the threshold of its neighbourhood."""
    from skimage.filters import threshold_local

    grey = _luma(pixels)
    level = threshold_local(grey, block_size, method=method, offset=offset)
    return _spread(np.where(grey > level, 255, 0).astype(np.uint8))


def median(pixels: Pixels, size: int) -> Pixels:
    """The median of each neighbourhood, channel by channel."""
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.MedianFilter(size)))


def denoise_total_variation(pixels: Pixels, weight: float) -> Pixels:
    """Smooth areas, edges kept."""
    from skimage.restoration import denoise_tv_chambolle

    scaled = pixels.astype(np.float32) / 255
    found = denoise_tv_chambolle(scaled, weight=weight, channel_axis=2)
    return np.asarray(found * 255).round().clip(0, 255).astype(np.uint8)


def colour_histogram(pixels: Pixels, bins: int) -> Vector:
    """`(3 * bins,)`: shares of pixels."""
    counts = [np.histogram(pixels[:, :, channel], bins, range=(0, 256))[0] for channel in range(3)]
    shares: Vector = np.concatenate(counts) / (pixels.shape[0] * pixels.shape[1])
    return shares


def brightness(pixels: Pixels) -> Vector:
    """`(2,)`: mean and standard deviation of luma."""
    grey = _luma(pixels) / 255
    return np.array([grey.mean(), grey.std()])


def edge_direction(pixels: Pixels, bins: int) -> Vector:
    """`(bins,)`: shares of the gradients' strength by direction."""
    from scipy import ndimage

    grey = _luma(pixels).astype(np.float32)
    along, down = ndimage.sobel(grey, axis=1), ndimage.sobel(grey, axis=0)
    angles = np.degrees(np.arctan2(down, along)) % 180
    strengths: Vector
    strengths, _ = np.histogram(angles, bins, range=(0, 180), weights=np.hypot(along, down))
    shares: Vector = strengths / max(strengths.sum(), np.finfo(np.float64).tiny)
    return shares


def hog(
    pixels: Pixels, width: int, height: int, orientations: int, cell: int, block: int
) -> Vector:
    """Gradients of the resized image, block by block."""
    from skimage.feature import hog as histograms

    image = Image.fromarray(pixels).convert("L")
    grey = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    found = histograms(
        grey,
        orientations=orientations,
        pixels_per_cell=(cell, cell),
        cells_per_block=(block, block),
    )
    return np.asarray(found, np.float64)


def _luma(pixels: Pixels) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(pixels).convert("L"))


def _spread(grey: NDArray[Any]) -> Pixels:
    return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
