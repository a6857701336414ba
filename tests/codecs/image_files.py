"""Image files for tests, built byte by byte or by Pillow; nothing is fetched."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image


def pixels(height: int = 20, width: int = 30, channels: int = 3) -> np.ndarray:
    """Noise: `(height, width, channels)`, or `(height, width)` of one channel."""
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def encoded(image: Image.Image | np.ndarray, kind: str, **options: Any) -> bytes:
    """A file as Pillow writes it."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG file, with its checksum."""
    crc = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)


def png(
    width: int,
    height: int,
    rows: bytes,
    *,
    depth: int = 8,
    colour: int = 2,
    interlaced: bool = False,
    extra: bytes = b"",
) -> bytes:
    """A PNG file with any header, any rows, and a chunk of choice before its pixels."""
    frame = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    header = chunk(b"IHDR", frame)
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + extra + data + chunk(b"IEND", b"")


def with_checksums(payload: bytes) -> bytes:
    """A PNG whose chunks have the checksums they should, as far as it is one."""
    fixed, at = bytearray(payload), 8
    while at + 12 <= len(fixed):
        (length,) = struct.unpack_from(">I", fixed, at)
        end = at + 12 + length
        if end > len(fixed):
            break
        struct.pack_into(">I", fixed, end - 4, zlib.crc32(fixed[at + 4 : end - 4]))
        at = end
    return bytes(fixed)


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG file."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
