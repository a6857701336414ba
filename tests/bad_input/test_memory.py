"""The costliest input that is within the limits takes half a gigabyte at the most."""

from __future__ import annotations

import base64
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from PIL import Image as Pillow

from tests.bad_input.measure import STATUS
from tests.bad_input.test_images import PNG_MAGIC
from tests.codecs.audio_files import silent_flac, wav
from tests.codecs.image_files import chunk, encoded, png

pytestmark = [
    pytest.mark.skipif(not STATUS.exists(), reason="peaks of memory are read from /proc"),
    pytest.mark.timeout(120),
]

ROOT = Path(__file__).parents[2]
MOST_MB = 512
WIDTH, HEIGHT = 7_050, 7_050
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def turned() -> Pillow.Exif:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    return exif


def progressive_jpeg() -> bytes:
    """In all three components at full size, and to be turned."""
    image = Pillow.new("RGB", (WIDTH, HEIGHT), (9, 99, 200))
    return encoded(image, "JPEG", progressive=True, subsampling=0, exif=turned())


def plain_png(colour: int, depth: int) -> bytes:
    """Black, to be turned; written row by row."""
    row = bytes(1 + WIDTH * CHANNELS[colour] * depth // 8)
    deflate = zlib.compressobj(1)
    data = b"".join([*(deflate.compress(row) for _ in range(HEIGHT)), deflate.flush()])
    frame = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", frame), chunk(b"eXIf", turned().tobytes()[6:])]
    return b"".join([PNG_MAGIC, *parts, chunk(b"IDAT", data), chunk(b"IEND", b"")])


def interlaced_png() -> bytes:
    """Grey, in seven passes."""
    size = 4_096
    rows = bytes(size * size + 2 * size + 1000)
    return png(size, size, rows, colour=0, interlaced=True)


def large_envelope() -> bytes:
    payload = png(1, 1, bytes(4)) + bytes(20_000_000)
    return orjson.dumps({"data": base64.b64encode(payload).decode()})


WORST: list[tuple[str, str, Callable[[], bytes]]] = [
    ("progressive JPEG", "image", progressive_jpeg),
    ("PNG with transparency", "image", lambda: plain_png(6, 8)),
    ("PNG of 16-bit grey", "image", lambda: plain_png(0, 16)),
    ("interlaced PNG", "image", interlaced_png),
    ("FLAC of ten minutes in stereo", "audio", lambda: silent_flac(600, 48_000, 2)),
    ("WAV of 20 MB", "audio", lambda: wav(bytes(20_900_000), rate_hz=48_000, channels=2)),
    ("image of 20 MB in JSON", "envelope", large_envelope),
    ("text of 64 KiB", "text", lambda: b"a" * 65_536),
]


@pytest.mark.parametrize(("kind", "make"), [case[1:] for case in WORST], ids=[c[0] for c in WORST])
def test_the_worst_input_takes_half_a_gigabyte(
    kind: str, make: Callable[[], bytes], tmp_path: Path
) -> None:
    file = tmp_path / "input"
    file.write_bytes(make())
    said = subprocess.run(
        [sys.executable, "-m", "tests.bad_input.measure", kind, str(file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    grown_mb, outcome = said.split()
    assert outcome == "read"
    assert int(grown_mb) < MOST_MB
