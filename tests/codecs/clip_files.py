"""Clip files for tests, as Pillow writes them."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image


def animated(frames: Sequence[np.ndarray], kind: str = "GIF") -> bytes:
    """Frames, `(height, width, 3)` uint8 each, as one file."""
    first, *others = map(Image.fromarray, frames)
    file = io.BytesIO()
    first.save(file, kind, save_all=True, append_images=others, duration=40, lossless=True)
    return file.getvalue()


def clip(frames: int, height: int, width: int, seed: int, kind: str = "GIF") -> bytes:
    """Blocks of colour, other ones in each frame."""
    draw = np.random.default_rng(seed)
    made = []
    for _ in range(frames):
        blocks = draw.integers(0, 256, (4, 5, 3), np.uint8)
        image = Image.fromarray(blocks).resize((width, height), Image.Resampling.NEAREST)
        made.append(np.asarray(image))
    return animated(made, kind)
