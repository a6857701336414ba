"""What a GIF or WebP file says of its frames, read before a single pixel is decoded.

Every frame must lie within the canvas, so that canvas times frames bounds what decoding makes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Literal, NamedTuple

from aimass_stream.errors import Reason, RecordError

_GIF = (b"GIF87a", b"GIF89a")
_TABLE = 0x80
_EXTENSION, _IMAGE, _END = 0x21, 0x2C, 0x3B
_CONTROL = 0xF9
_ANIMATED = 0x02


class ClipHeader(NamedTuple):
    """A clip's header.

    Attributes:
        format: the name Pillow knows the format by.
        width: of the canvas, in pixels.
        height: likewise.
        lasting: how long each frame is shown, in units of the format: 10 ms in a GIF, 1 ms in a
            WebP; 0 where it is not said.
    """

    format: Literal["GIF", "WEBP"]
    width: int
    height: int
    lasting: tuple[int, ...]

    @property
    def frames(self) -> int:
        """How many."""
        return len(self.lasting)


def read_clip_header(payload: bytes | memoryview) -> ClipHeader:
    """Walk the blocks of a GIF or WebP file.

    Raises:
        RecordError: EMPTY, TYPE_MISMATCH (neither of the two, or a still picture), or UNDECODABLE
            (damaged, cut short, without pixels, or with a frame beyond the canvas).
    """
    view = memoryview(payload)
    if not view:
        raise RecordError(Reason.EMPTY, "the clip has no bytes")
    try:
        if bytes(view[:6]) in _GIF:
            header = _gif(view)
        elif bytes(view[:4]) == b"RIFF" and bytes(view[8:12]) == b"WEBP":
            header = _webp(view)
        else:
            raise RecordError(Reason.TYPE_MISMATCH, "the bytes are neither GIF nor WebP")
    except (struct.error, IndexError):
        raise _damaged("it ends before its last frame does") from None
    if header.width == 0 or header.height == 0:
        raise _damaged("it has no pixels")
    if header.frames < 2:
        raise RecordError(Reason.TYPE_MISMATCH, "the clip is a still picture; send it as an image")
    return header


def _gif(view: memoryview) -> ClipHeader:
    width, height, flags = struct.unpack_from("<HHB", view, 6)
    at, lasts = 13 + _table_bytes(flags), 0
    lasting: list[int] = []
    while (block := view[at]) != _END:
        if block == _EXTENSION:
            if view[at + 1] == _CONTROL:
                (lasts,) = struct.unpack_from("<H", view, at + 4)
            at = _behind_blocks(view, at + 2)
        elif block == _IMAGE:
            left, top, wide, high, flags = struct.unpack_from("<HHHHB", view, at + 1)
            _check_frame(left + wide <= width and top + high <= height)
            # Behind the description: a table of colours, and the size of the first codes.
            at = _behind_blocks(view, at + 10 + _table_bytes(flags) + 1)
            lasting.append(lasts)
        else:
            raise _damaged("it holds a block of no known kind")
    return ClipHeader("GIF", width, height, tuple(lasting))


def _table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & _TABLE else 0


def _behind_blocks(view: memoryview, at: int) -> int:
    """The place behind a chain of blocks, each with its length before it, the last empty."""
    while length := view[at]:
        at += length + 1
    return at + 1


def _webp(view: memoryview) -> ClipHeader:
    chunks = _chunks(view)
    kind, start = next(chunks, (b"", 0))
    if kind != b"VP8X" or not view[start] & _ANIMATED:
        raise RecordError(Reason.TYPE_MISMATCH, "the clip is a still picture; send it as an image")
    width, height = _three_bytes(view, start + 4) + 1, _three_bytes(view, start + 7) + 1
    lasting: list[int] = []
    for kind, start in chunks:
        if kind == b"ANMF":
            left, top = 2 * _three_bytes(view, start), 2 * _three_bytes(view, start + 3)
            wide, high = _three_bytes(view, start + 6) + 1, _three_bytes(view, start + 9) + 1
            _check_frame(left + wide <= width and top + high <= height)
            lasting.append(_three_bytes(view, start + 12))
    return ClipHeader("WEBP", width, height, tuple(lasting))


def _chunks(view: memoryview) -> Iterator[tuple[bytes, int]]:
    """Each chunk's kind, and where its content begins."""
    end = 8 + struct.unpack_from("<I", view, 4)[0]
    if end > len(view):
        raise _damaged("it ends before it says")
    at = 12
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", view, at)
        if at + 8 + length > end:
            raise _damaged("a chunk ends behind the file")
        yield kind, at + 8
        # Chunks begin at even places.
        at += 8 + length + length % 2


def _three_bytes(view: memoryview, at: int) -> int:
    low, middle, high = view[at], view[at + 1], view[at + 2]
    return low | middle << 8 | high << 16


def _check_frame(is_within: bool) -> None:  # noqa: FBT001 - what is checked
    if not is_within:
        raise _damaged("a frame lies beyond its canvas")


def _damaged(why: str) -> RecordError:
    return RecordError(Reason.UNDECODABLE, f"the clip is damaged: {why}")
