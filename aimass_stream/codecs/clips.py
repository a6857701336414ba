"""GIF and WebP files to RGB frames, within limits. Resizing and scaling are the adapter's.

Frames are taken evenly in time, since programs that write such files make one frame of several that
are alike. Transparency is dropped.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aimass_stream.codecs.clip_headers import ClipHeader, read_clip_header
from aimass_stream.errors import Reason, RecordError
from aimass_stream.records.limits import Limits

Frames = NDArray[np.uint8]
"""A clip: `(frames, height, width, 3)`, uint8, RGB."""


def decode_clip(payload: bytes | memoryview, limits: Limits, frames: int) -> Frames:
    """Decode some frames of an animated GIF or WebP file; several threads may call it at once.

    Bounds hold before anything is decoded. The result depends on the payload and the arguments
    alone.

    Args:
        payload: the file.
        limits: bounds on its bytes, its frames, and the pixels of all frames together, of those
            in the file and of those that are wanted.
        frames: how many are wanted, the first and the last among them, the others evenly
            between; a frame that lasts three times as long as the shortest counts for three. A
            clip of fewer gives some of them twice.

    Returns:
        `(frames, height, width, 3)` uint8, RGB.

    Raises:
        RecordError: EMPTY, TOO_LARGE, TYPE_MISMATCH (neither GIF nor WebP, or a still picture)
            or UNDECODABLE.
    """
    if len(payload) > limits.payload_bytes:
        raise RecordError(
            Reason.TOO_LARGE,
            f"{len(payload)} bytes are more than the limit of {limits.payload_bytes}",
        )
    header = read_clip_header(payload)
    _check_header(header, limits, frames)
    try:
        return _decode(payload, header, frames)
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises six families; whatever it is, this clip is bad
        raise RecordError(
            Reason.UNDECODABLE, f"the {header.format} decoder refused it: {type(error).__name__}"
        ) from None


def _check_header(header: ClipHeader, limits: Limits, wanted: int) -> None:
    if header.frames > limits.clip_frames:
        raise RecordError(
            Reason.TOO_LARGE,
            f"{header.frames} frames are more than the limit of {limits.clip_frames}",
        )
    # Of a clip with fewer frames than are wanted, some are made more than once.
    made = max(header.frames, wanted)
    if header.width * header.height * made > limits.image_pixels:
        raise RecordError(
            Reason.TOO_LARGE,
            f"{made} frames of {header.width} x {header.height} pixels are more than the "
            f"limit of {limits.image_pixels}",
        )


def _decode(payload: bytes | memoryview, header: ClipHeader, frames: int) -> Frames:
    wanted = _evenly(header.lasting, frames)
    made: dict[int, NDArray[np.uint8]] = {}
    with Image.open(io.BytesIO(payload), formats=(header.format,)) as image:
        if image.size != (header.width, header.height):
            raise ValueError("the decoder sees another size than the header says")
        # In order, since a frame may be no more than what changed since the one before.
        for number in sorted(set(wanted)):
            image.seek(number)
            made[number] = np.asarray(image.convert("RGB"))
    return np.stack([made[number] for number in wanted])


def _evenly(lasting: Sequence[int], frames: int) -> list[int]:
    """Numbers of frames, evenly in time."""
    shortest = min((one for one in lasting if one > 0), default=1)
    shown = np.maximum(np.round(np.array(lasting) / shortest), 1).astype(np.int64)
    places = np.linspace(0, int(shown.sum()) - 1, frames).round()
    numbers: list[int] = np.searchsorted(np.cumsum(shown), places, side="right").tolist()
    return numbers
