"""An image on a topic: a JPEG or PNG file, raw, as base64 in JSON, or as a claim check.

No pixel is decoded here, and no image library imported.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import ClassVar

from aimass_stream.records.example import draw_picture
from aimass_stream.records.payload import PayloadRecord

JPEG = "image/jpeg"
"""Content type of the first accepted format."""
PNG = "image/png"
"""Content type of the second."""


class Image(PayloadRecord):
    """An image record; its properties hold once `check` has accepted it."""

    __slots__ = ()

    kind = "an image"
    formats = "JPEG or PNG"
    magics = ((((0, b"\xff\xd8\xff"),), JPEG), (((0, b"\x89PNG\r\n\x1a\n"),), PNG))
    types: ClassVar[Mapping[str, str]] = {
        JPEG: JPEG,
        "image/jpg": JPEG,
        "image/pjpeg": JPEG,
        PNG: PNG,
        "image/x-png": PNG,
    }
    foreign = (
        (((0, b"GIF8"),), "GIF"),
        (((8, b"WEBP"),), "WebP"),
        (((0, b"BM"),), "BMP"),
        (((0, b"II*\x00"),), "TIFF"),
        (((0, b"MM\x00*"),), "TIFF"),
        (((4, b"ftyp"),), "HEIC or AVIF"),
        (((0, b"\x00\x00\x01\x00"),), "ICO"),
        (((0, b"%PDF"),), "PDF"),
        (((0, b"%!PS"),), "PostScript"),
        (((0, b"<"),), "SVG or other XML"),
    )

    @classmethod
    def draw_payload(cls, draw: random.Random) -> bytes:
        """A small PNG."""
        return draw_picture(draw)


sniff = Image.sniff
encode_raw = Image.encode_raw
encode_json = Image.encode_json
encode_claim = Image.encode_claim
