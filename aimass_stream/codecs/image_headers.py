"""What a JPEG or PNG file says about itself, read before a single pixel is decoded.

`read_header` walks the segments of a file, takes size and orientation, and drops everything
that is not needed for pixels: profiles, thumbnails, comments, compressed text, further frames.
The decoder never sees them, so what is broken or hostile in there cannot matter. It decodes
nothing itself.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from aimass_stream.errors import Reason, RecordError

Format = Literal["JPEG", "PNG"]
Passes = tuple[tuple[int, int, int, int], ...]

MAX_SEGMENTS = 20_000
"""Segments (JPEG) or chunks (PNG) of a file; far above what encoders write."""
MAX_SCANS = 100
"""Scans of a JPEG: each is a pass over all pixels, however few bytes it takes in the file."""

_PIECE_BYTES = 256 * 1024
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_EXIF_MAGIC = b"Exif\x00\x00"
_ORIENTATION_TAG = 0x0112

_SOF = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_SOS = 0xDA
_EXIF = 0xE1
# Tables, frame and scan headers, restart interval, and the two application segments that say
# how colours are stored. All others carry no pixels.
_KEPT_JPEG = _SOF | {0xC4, 0xCC, 0xDB, 0xDD, _SOS, 0xE0, 0xEE}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xDA)})
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PLAIN: Passes = ((0, 0, 1, 1),)
_ADAM7: Passes = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_KEPT_PNG = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """A file's header, and the file without what no decoder needs.

    Attributes:
        format: the name Pillow knows the format by.
        width: pixels of a row as stored, before rotation.
        height: rows as stored, before rotation.
        orientation: EXIF orientation, 1 to 8; 1 where there is none or it cannot be read.
        pixels: the file reduced to what its pixels depend on.
        inflated: bytes its compressed pixels must give, PNG only; 0 for JPEG.
        scans: passes over its pixels.
        coefficients: numbers of two bytes that are held from the first scan to the last; 0 where
            pixels come out of a single one.
    """

    format: Format
    width: int
    height: int
    orientation: int
    pixels: bytes
    inflated: int = 0
    scans: int = 1
    coefficients: int = 0


def read_header(payload: bytes | memoryview) -> ImageHeader:
    """Read the header of a JPEG or PNG file; other formats are refused.

    Raises:
        RecordError: EMPTY, TYPE_MISMATCH (neither JPEG nor PNG), UNDECODABLE (a damaged,
            truncated or zero-sized file), or TOO_LARGE (too many segments or scans).
    """
    view = memoryview(payload)
    if not view:
        raise RecordError(Reason.EMPTY, "the image has no bytes")
    try:
        magic = bytes(view[:8])
        if magic.startswith(b"\xff\xd8\xff"):
            header = _jpeg(view)
        elif magic == _PNG_MAGIC:
            header = _png(view)
        else:
            raise RecordError(Reason.TYPE_MISMATCH, "the bytes are neither JPEG nor PNG")
    except (struct.error, IndexError, ValueError):
        raise _damaged("it ends within its header") from None
    if header.width == 0 or header.height == 0:
        raise _damaged("it has no pixels")
    return header


def check_rows(header: ImageHeader) -> None:
    """Refuse a PNG whose compressed pixels end early; call it once its size is accepted.

    Pillow takes rows that are missing for black ones. Inflating costs a third of decoding, in
    pieces that are thrown away.

    Raises:
        RecordError: UNDECODABLE.
    """
    inflate = zlib.decompressobj()
    missing = header.inflated
    try:
        for kind, start, end in _png_chunks(memoryview(header.pixels)):
            piece: bytes | memoryview = memoryview(header.pixels)[start + 8 : end - 4]
            while kind == b"IDAT" and piece and missing > 0 and not inflate.eof:
                missing -= len(inflate.decompress(piece, _PIECE_BYTES))
                piece = inflate.unconsumed_tail
    except zlib.error:
        raise _damaged("its compressed pixels cannot be read") from None
    if missing > 0:
        raise _damaged("rows are missing")


def _damaged(why: str) -> RecordError:
    return RecordError(Reason.UNDECODABLE, f"the image is damaged: {why}")


def _jpeg(view: memoryview) -> ImageHeader:
    kept: list[bytes | memoryview] = [b"\xff\xd8"]
    frames: list[memoryview] = []
    orientation, progressive = 1, False
    end = 2
    for marker, start, end in _jpeg_segments(view):
        body = view[start + 4 : end]
        if marker == _EXIF and body[:6] == _EXIF_MAGIC:
            orientation = _orientation(body[6:])
        if marker in _KEPT_JPEG:
            kept.append(view[start:end])
        if marker in _SOF:
            frames.append(body)
            progressive = marker in _PROGRESSIVE
    if len(frames) != 1:
        raise _damaged("it has no frame header, or several")
    kept.append(view[end:])
    pixels = b"".join(kept)
    # 0xFF is escaped inside a scan, so the pair is the start of another one and nothing else.
    scans = pixels.count(b"\xff\xda")
    if scans > MAX_SCANS:
        raise _too_many("scans", MAX_SCANS)
    height, width = struct.unpack_from(">HH", frames[0], 1)
    coefficients = _coefficients(frames[0], width * height) if progressive or scans > 1 else 0
    return ImageHeader("JPEG", width, height, orientation, pixels, 0, scans, coefficients)


def _coefficients(frame: memoryview, area: int) -> int:
    """Numbers of all components, each as large as its sampling says."""
    steps = [frame[7 + 3 * component] for component in range(frame[5])]
    weights = [(step >> 4) * (step & 15) for step in steps]
    across, down = max(step >> 4 for step in steps), max(step & 15 for step in steps)
    return area * sum(weights) // max(1, across * down)


def _jpeg_segments(view: memoryview) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment up to the first scan's header, and that one."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        if view[at] != 0xFF:
            raise _damaged("a segment does not end where it says")
        while view[at + 1] == 0xFF:
            at += 1
        marker = view[at + 1]
        if marker in _WITHOUT_LENGTH:
            raise _damaged("a marker stands where it must not")
        (length,) = struct.unpack_from(">H", view, at + 2)
        end = at + 2 + length
        if length < 2 or end > len(view):
            raise _damaged("a segment is longer than the file")
        yield marker, at, end
        if marker == _SOS:
            return
        at = end
    raise _too_many("segments", MAX_SEGMENTS)


def _png(view: memoryview) -> ImageHeader:
    kept: list[bytes | memoryview] = [_PNG_MAGIC]
    frames: list[memoryview] = []
    orientation = 1
    for kind, start, end in _png_chunks(view):
        body = view[start + 8 : end - 4]
        if kind in _KEPT_PNG:
            _check_crc(view, start, end)
            kept.append(view[start:end])
        elif kind == b"eXIf":
            orientation = _orientation(body)
        elif not kind[0] & 0x20:
            raise _damaged("it holds a critical chunk that is unknown")
        if kind == b"IHDR":
            frames.append(body)
    if len(frames) != 1:
        raise _damaged("it has no header chunk, or several")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", frames[0])
    if colour not in _CHANNELS:
        raise _damaged("its colour type is unknown")
    passes = _ADAM7 if interlaced else _PLAIN
    inflated = _inflated(width, height, depth * _CHANNELS[colour], passes)
    return ImageHeader("PNG", width, height, orientation, b"".join(kept), inflated)


def _inflated(width: int, height: int, bits: int, passes: Passes) -> int:
    """Bytes of all rows, each with its filter byte."""
    total = 0
    for left, top, across, down in passes:
        columns = (width - left + across - 1) // across
        rows = (height - top + down - 1) // down
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _png_chunks(view: memoryview) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk up to the closing one, and that one."""
    at = len(_PNG_MAGIC)
    for _ in range(MAX_SEGMENTS):
        length, kind = struct.unpack_from(">I4s", view, at)
        end = at + 12 + length
        if end > len(view):
            raise _damaged("a chunk is longer than the file")
        yield kind, at, end
        if kind == b"IEND":
            return
        at = end
    raise _too_many("chunks", MAX_SEGMENTS)


def _check_crc(view: memoryview, at: int, end: int) -> None:
    (told,) = struct.unpack_from(">I", view, end - 4)
    if zlib.crc32(view[at + 4 : end - 4]) != told:
        raise _damaged("a chunk differs from its checksum")


def _too_many(what: str, most: int) -> RecordError:
    return RecordError(Reason.TOO_LARGE, f"the image has more than {most} {what}")


def _orientation(tiff: memoryview) -> int:
    """The orientation in an EXIF block; 1 when it has none or cannot be read.

    A broken block says nothing about the pixels, and refusing the picture for it would lose
    what every viewer shows.
    """
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(bytes(tiff[:4]))
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, at)
        for entry in range(min(entries, 512)):
            tag, kind, count, value = struct.unpack_from(order + "HHIH", tiff, at + 2 + 12 * entry)
            if tag == _ORIENTATION_TAG:
                known = kind == 3 and count == 1 and 1 <= value <= 8
                return value if known else 1
    except struct.error:
        pass
    return 1
