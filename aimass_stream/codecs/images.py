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

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aimass_stream.codecs.image_headers import ImageHeader, check_rows, read_header
from aimass_stream.errors import Reason, RecordError
from aimass_stream.records.limits import Limits

Pixels = NDArray[np.uint8]
"""An image: `(height, width, 3)`, uint8, RGB, contiguous."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


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
    if len(payload) > limits.payload_bytes:
        raise RecordError(
            Reason.TOO_LARGE,
            f"{len(payload)} bytes are more than the limit of {limits.payload_bytes}",
        )
    header = read_header(payload)
    most = min(limits.image_pixels, Image.MAX_IMAGE_PIXELS or limits.image_pixels)
    if header.width * header.height > most:
        raise RecordError(
            Reason.TOO_LARGE,
            f"{header.width} x {header.height} pixels are more than the limit of {most}",
        )
    if header.format == "PNG":
        check_rows(header)
    try:
        return _decode(header, at_least)
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises six families; whatever it is, this image is bad
        raise RecordError(
            Reason.UNDECODABLE, f"the {header.format} decoder refused it: {type(error).__name__}"
        ) from None


def _decode(header: ImageHeader, at_least: int | None) -> Pixels:
    with Image.open(io.BytesIO(header.pixels), formats=(header.format,)) as image:
        if image.size != (header.width, header.height):
            raise ValueError("the decoder sees another size than the header says")
        if at_least is not None:
            image.draft(None, (at_least, at_least))
        image.load()
        upright = _UPRIGHT.get(header.orientation)
        turned = image if upright is None else image.transpose(upright)
        return _rgb(turned)


def _rgb(image: Image.Image) -> Pixels:
    if image.mode.startswith("I"):
        grey = (np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
