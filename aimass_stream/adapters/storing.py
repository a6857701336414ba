"""Files that an answer refers to: put into the payload store before the answer is given.

In device processes only, which share the store's folder with the worker they answer.
"""

from __future__ import annotations

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.config import settings


def store() -> PayloadStore:
    """The payload store of this process's settings.

    Where it cannot be written, `put` raises OSError, which costs the batch.
    """
    return PayloadStore(settings().payloads_folder)


def png_of(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """`(height, width, 3)` uint8 or `(height, width)` uint16 as a PNG file."""
    file = io.BytesIO()
    # Level 1: large maps cost seconds at the default, for a few percent of size.
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def wav_of(samples: NDArray[np.float32], rate_hz: int) -> bytes:
    """Mono samples, -1 to 1, as a WAV file of 16 bits; what is louder is clipped."""
    data = (np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, 1, rate_hz, rate_hz * 2, 2, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks
