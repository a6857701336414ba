"""A clip on a topic: an animated GIF or WebP file, raw, as base64 in JSON, or as a claim check.

A record is a whole clip, so what is seen in it depends on nothing else. No pixel is decoded here,
and no image library imported.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import ClassVar

import msgspec

from aimass_stream.records.example import draw_clip
from aimass_stream.records.payload import PayloadRecord

GIF = "image/gif"
"""Content type of GIF."""
WEBP = "image/webp"
"""Content type of WebP."""


class ClipData(msgspec.Struct, frozen=True):
    """A clip as an answer; in JSON it is what `Clip` reads.

    Attributes:
        data: the file; base64 in JSON.
        type: its content type.
    """

    data: bytes
    type: str


class Clip(PayloadRecord):
    """A clip record; its properties hold once `check` has accepted it."""

    __slots__ = ()

    kind = "a clip"
    formats = "GIF or WebP"
    magics = ((((0, b"GIF8"),), GIF), (((0, b"RIFF"), (8, b"WEBP")), WEBP))
    types: ClassVar[Mapping[str, str]] = {GIF: GIF, WEBP: WEBP}
    foreign = (
        (((4, b"ftyp"),), "MP4"),
        (((0, b"\x1a\x45\xdf\xa3"),), "WebM or Matroska"),
        (((0, b"RIFF"), (8, b"AVI ")), "AVI"),
        (((0, b"RIFF"),), "RIFF other than WebP"),
        (((0, b"\x00\x00\x01\xba"),), "MPEG"),
        (((0, b"\x00\x00\x01\xb3"),), "MPEG"),
        (((0, b"FLV"),), "FLV"),
        (((0, b"\x89PNG"),), "PNG"),
        (((0, b"\xff\xd8\xff"),), "JPEG"),
    )

    @classmethod
    def draw_payload(cls, draw: random.Random) -> bytes:
        """A small GIF."""
        return draw_clip(draw)


sniff = Clip.sniff
encode_raw = Clip.encode_raw
encode_json = Clip.encode_json
encode_claim = Clip.encode_claim
