"""Boxes, masks and keypoints over an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from aimass_stream.cli.drawing.shapes import Shape
from aimass_stream.codecs.images import Pixels
from aimass_stream.errors import ConfigError
from aimass_stream.records import Mask

LEAST_EDGE = 480
"""Pixels of the longer edge from which on labels can be read; smaller images are enlarged."""
_TEXT_CHARS = 40
_TEXT_SHARE = 40
_COVER = 0.45
_SURE = 0.5
_WHITE = (255, 255, 255)

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Those of Okabe and Ito, which people who see few colours can tell apart, and three more.
_COLOURS: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
    (255, 80, 80),
    (120, 220, 60),
    (160, 120, 255),
)


def draw(image: Pixels, shapes: Sequence[Shape], font: Path | None = None) -> Image.Image:
    """The image with what was found in it, RGB.

    A label's colour is the same in every picture. Masks are laid over the image; boxes, keypoints
    (hollow where the model is not sure) and labels over these. A mask of another size than the
    image is left out.

    Args:
        image: `(height, width, 3)` uint8.
        shapes: what was found.
        font: a TrueType or OpenType file with the letters of the labels; Pillow's own if not
            given, which has Latin ones.

    Raises:
        ConfigError: the font cannot be read.
    """
    height, width = image.shape[:2]
    masks = [(one, mask) for one in shapes if (mask := _mask(one.mask, height, width)) is not None]
    covered = image.astype(np.float32)
    for one, mask in masks:
        covered[mask] += _COVER * (np.array(colour_of(one.label)) - covered[mask])
    times = max(1, math.ceil(LEAST_EDGE / max(height, width)))
    made = Image.fromarray(covered.astype(np.uint8))
    made = made.resize((width * times, height * times), Image.Resampling.NEAREST)
    pen = _Pen(made, times, font)
    for one in shapes:
        pen.outline(one)
    middles = {id(one): _middle(mask) for one, mask in masks if one.box is None}
    for one in shapes:
        pen.write(one, middles.get(id(one)))
    return made


def colour_of(label: str) -> Colour:
    """A label's colour, the same in every process."""
    digest = blake2b(label.encode(errors="replace"), digest_size=4).digest()
    return _COLOURS[int.from_bytes(digest) % len(_COLOURS)]


class _Pen:
    """Draws on one picture.

    Args:
        picture: what is drawn on.
        times: by how much it is larger than the image that places are of.
        font: as in `draw`.
    """

    def __init__(self, picture: Image.Image, times: int, font: Path | None) -> None:
        self._pen = ImageDraw.Draw(picture)
        self._times = times
        self._size = picture.size
        longer = max(picture.size)
        self._line = max(2, longer // 300)
        self._font = _load(font, max(12, longer // _TEXT_SHARE))

    def outline(self, one: Shape) -> None:
        """The box and the keypoints of a thing."""
        colour = colour_of(one.label)
        if one.box is not None:
            self._pen.rectangle(self._edges(one), outline=colour, width=self._line)
        for point in one.keypoints:
            radius = self._line * 1.5
            x, y = point.x * self._times, point.y * self._times
            around = (x - radius, y - radius, x + radius, y + radius)
            filled = colour if point.score >= _SURE else None
            # A rim, since its own colour may lie under it as a mask.
            self._pen.ellipse(around, fill=filled, outline=_WHITE, width=max(1, self._line // 2))

    def write(self, one: Shape, middle: tuple[float, float] | None) -> None:
        """The label of a thing, on the upper edge of its box or in the middle of its mask."""
        if one.box is None and middle is None:
            return
        text = one.text if len(one.text) <= _TEXT_CHARS else one.text[: _TEXT_CHARS - 1] + "…"
        left, top, right, bottom = self._pen.textbbox((0, 0), text, font=self._font)
        wide, high = right - left + 2 * self._line, bottom - top + 2 * self._line
        if one.box is not None:
            x, y, *_ = self._edges(one)
            y -= high
        else:
            x, y = (at * self._times for at in middle or (0, 0))
        x = min(max(x, 0), max(0, self._size[0] - wide))
        y = min(max(y, 0), max(0, self._size[1] - high))
        colour = colour_of(one.label)
        self._pen.rectangle((x, y, x + wide, y + high), fill=colour)
        place = (x + self._line - left, y + self._line - top)
        self._pen.text(place, text, fill=_against(colour), font=self._font)

    def _edges(self, one: Shape) -> tuple[float, float, float, float]:
        x0, y0, x1, y1 = (edge * self._times for edge in one.box or (0, 0, 0, 0))
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _mask(mask: Mask | None, height: int, width: int) -> np.ndarray | None:
    """`(height, width)` booleans; None where there is none, or it is of another image."""
    if mask is None or mask.size != (height, width) or min(mask.counts, default=0) < 0:
        return None
    return mask.pixels if sum(mask.counts) == height * width else None


def _middle(mask: np.ndarray) -> tuple[float, float] | None:
    """The x and y of a pixel inside: in the middle of the row in which the middle pixel stands."""
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return None
    row = rows[len(rows) // 2]
    across = columns[rows == row]
    return float(across[len(across) // 2]), float(row)


def _against(colour: Colour) -> Colour:
    red, green, blue = colour
    is_bright = 0.299 * red + 0.587 * green + 0.114 * blue > 128
    return (0, 0, 0) if is_bright else _WHITE


def _load(font: Path | None, pixels: int) -> Font:
    if font is None:
        return ImageFont.load_default(pixels)
    try:
        return ImageFont.truetype(str(font), pixels)
    except OSError as error:
        raise ConfigError(f"{font} is no font that can be read: {error}.") from error
