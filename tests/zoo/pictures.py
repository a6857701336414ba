"""Pictures of several sizes and formats, and arrays of them as the engine decodes them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from aimass_stream.codecs.images import Pixels, decode_image
from aimass_stream.records import Limits


def picture(height: int, width: int, seed: int, form: str = "PNG") -> bytes:
    """Blocks of colour under noise, as a file."""
    draw = np.random.default_rng(seed)
    blocks = draw.integers(0, 256, (4, 5, 3), np.uint8)
    image = Image.fromarray(blocks).resize((width, height), Image.Resampling.NEAREST)
    noisy = np.asarray(image).astype(int) + draw.integers(-20, 21, (height, width, 3))
    file = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, form)
    return file.getvalue()


PICTURES = [
    picture(48, 48, 0),
    picture(48, 48, 1),
    picture(40, 64, 2, "JPEG"),
    picture(70, 33, 3),
    picture(48, 48, 4, "JPEG"),
]


def pixels(payload: bytes) -> Pixels:
    """`(height, width, 3)` uint8."""
    return decode_image(payload, Limits())
