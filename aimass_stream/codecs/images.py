"""JPEG and PNG files to RGB arrays, within limits. Resizing and scaling are the adapter's.

How colours become RGB, the same rules transformers' own image loading has:

* grey, 1 bit and palette images are spread to three channels;
* transparency is dropped, the colours stay as stored;
* 16 bits a channel keep their high byte;
* CMYK and YCCK are converted by the plain formula; no colour profile is applied;
* EXIF rotation is applied once; of an animation the still picture counts.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aimass_stream.codecs.image_headers import ImageHeader, check_rows, read_header
from aimass_stream.errors import Reason, RecordError
from aimass_stream.records.limits import Limits

T = TypeVar("T")
ScalarT = TypeVar("ScalarT", bound=np.generic)
Pixels = NDArray[np.uint8]
"""An image: `(height, width, 3)`, uint8, RGB, contiguous."""

MAX_WORK_SCANS = 20
"""Scans that an image of `image_pixels` may have; a smaller one may have more."""
MAX_PIXEL_BYTES = 10
"""Bytes a decoder may hold for each of `image_pixels`."""

_HALF = 128
_STRIP_PIXELS = 1 << 20
_STORED_BYTES = 4
_COEFFICIENT_BYTES = 2


def decode_image(
    payload: bytes | memoryview, limits: Limits, *, at_least: int | None = None
) -> Pixels:
    """Decode one JPEG or PNG file; several threads may call it at once.

    Size and pixel bounds hold before anything is decoded. The result depends on the payload
    and the arguments alone.

    Args:
        payload: the file.
        limits: bounds on its bytes and pixels; Pillow's own bound of 89 million pixels holds
            beside ours.
        at_least: let a JPEG be decoded at 1/2, 1/4 or 1/8 of its size as long as both edges
            keep this many pixels. Much quicker where the model wants something small, with
            slightly different pixels. None decodes every pixel.

    Returns:
        `(height, width, 3)` uint8, RGB, upright; not to be written to.

    Raises:
        RecordError: EMPTY, TOO_LARGE, TYPE_MISMATCH (neither JPEG nor PNG) or UNDECODABLE.
    """
    return _opened(payload, limits, lambda header: _decode(header, at_least))


def decode_picture(
    payload: bytes | memoryview, limits: Limits, *, at_least: int | None = None
) -> Image.Image:
    """As `decode_image`, left with Pillow for what Pillow does next: no copy lies between.

    Args:
        payload: the file.
        limits: as in `decode_image`.
        at_least: as in `decode_image`.

    Returns:
        An image of the same pixels, in mode RGB.

    Raises:
        RecordError: as in `decode_image`.
    """
    return _opened(payload, limits, lambda header: _decode_picture(header, at_least))


def decode_transparent(
    payload: bytes | memoryview, limits: Limits
) -> tuple[Pixels, NDArray[np.bool_]]:
    """Decode one JPEG or PNG file, and say where it is transparent; within the same bounds.

    Args:
        payload: the file.
        limits: as in `decode_image`.

    Returns:
        What `decode_image` returns, and `(height, width)` bool: true where alpha is below half;
        nowhere in a file without an alpha channel.

    Raises:
        RecordError: as in `decode_image`.
    """
    return decode_image(payload, limits), _opened(payload, limits, _holes)


def _opened(payload: bytes | memoryview, limits: Limits, decode: Callable[[ImageHeader], T]) -> T:
    """What `decode` makes of a file whose header keeps within the limits."""
    if len(payload) > limits.payload_bytes:
        raise RecordError(
            Reason.TOO_LARGE,
            f"{len(payload)} bytes are more than the limit of {limits.payload_bytes}",
        )
    header = read_header(payload)
    _check_header(header, min(limits.image_pixels, Image.MAX_IMAGE_PIXELS or limits.image_pixels))
    if header.format == "PNG":
        check_rows(header)
    try:
        return decode(header)
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises six families; whatever it is, this image is bad
        raise RecordError(
            Reason.UNDECODABLE, f"the {header.format} decoder refused it: {type(error).__name__}"
        ) from None


def _check_header(header: ImageHeader, most: int) -> None:
    """Refuse what would take more pixels, passes or memory than a record may."""
    area = header.width * header.height
    size = f"{header.width} x {header.height} pixels"
    if area > most:
        raise RecordError(Reason.TOO_LARGE, f"{size} are more than the limit of {most}")
    if area * header.scans > most * MAX_WORK_SCANS:
        raise RecordError(
            Reason.TOO_LARGE, f"{header.scans} scans of {size} are too much work to decode"
        )
    held = area * _STORED_BYTES + header.coefficients * _COEFFICIENT_BYTES
    if held > most * MAX_PIXEL_BYTES:
        raise RecordError(
            Reason.TOO_LARGE, f"{size} in {header.scans} scans take too much memory to decode"
        )


def _decode(header: ImageHeader, at_least: int | None) -> Pixels:
    # The decoder's own copy is gone by the time a second one of ours is made.
    pixels = _rgb(_stored(header, at_least))
    return pixels if header.orientation == 1 else _upright(pixels, header.orientation)


def _decode_picture(header: ImageHeader, at_least: int | None) -> Image.Image:
    image = _stored(header, at_least)
    if image.mode == "RGB" and header.orientation == 1:
        return image
    pixels = _rgb(image)
    del image
    return Image.fromarray(_upright(pixels, header.orientation))


def _stored(header: ImageHeader, at_least: int | None) -> Image.Image:
    with Image.open(io.BytesIO(header.pixels), formats=(header.format,)) as image:
        if image.size != (header.width, header.height):
            raise ValueError("the decoder sees another size than the header says")
        if at_least is not None:
            image.draft(None, (at_least, at_least))
        image.load()
        return image


def _rgb(image: Image.Image) -> Pixels:
    width, height = image.size
    step = max(1, _STRIP_PIXELS // width)
    if step >= height:
        return _rgb_of(image)
    # In strips: a whole large image would be copied several times over.
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        pixels[top:bottom] = _rgb_of(image.crop((0, top, width, bottom)))
    return pixels


def _rgb_of(image: Image.Image) -> Pixels:
    if image.mode.startswith("I"):
        grey = (np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _holes(header: ImageHeader) -> NDArray[np.bool_]:
    with Image.open(io.BytesIO(header.pixels), formats=(header.format,)) as image:
        if "A" in image.getbands():
            holes = np.asarray(image.getchannel("A")) < _HALF
        else:
            holes = np.zeros((image.height, image.width), np.bool_)
    return _upright(holes, header.orientation)


def _upright(pixels: NDArray[ScalarT], orientation: int) -> NDArray[ScalarT]:
    """The image as EXIF says it is to be seen; orientations 5 to 8 swap width and height."""
    turned = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned)
