"""How much memory one input takes: a program, so that nothing else is in its peak.

    python -m tests.bad_input.measure image FILE

It prints what the peak of the process grew by, in MB, and what became of the input.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aimass_stream.codecs.audio import decode_audio
from aimass_stream.codecs.images import decode_image
from aimass_stream.codecs.text import decode_text
from aimass_stream.errors import RecordError
from aimass_stream.records import Image, Limits, Text

LIMITS = Limits()
RATE_HZ = 16_000
STATUS = Path("/proc/self/status")


def read_envelope(value: bytes) -> int:
    record = Image("images", 0, 7, 0, b"key", value, ())
    record.check(LIMITS)
    return len(record.bytes)


def read_text(value: bytes) -> str:
    record = Text("texts", 0, 7, 0, b"key", value, ())
    record.check(LIMITS)
    return decode_text(record.bytes, LIMITS)


READERS: dict[str, Callable[[bytes], Any]] = {
    "image": lambda value: decode_image(value, LIMITS),
    "audio": lambda value: decode_audio(value, LIMITS, RATE_HZ),
    "envelope": read_envelope,
    "text": read_text,
}


def peak_mb() -> float:
    """The most memory this process ever held."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1000


def main(kind: str, path: str) -> None:
    value = Path(path).read_bytes()
    before_mb = peak_mb()
    try:
        READERS[kind](value)
        outcome = "read"
    except RecordError as error:
        outcome = error.reason.value
    sys.stdout.write(f"{peak_mb() - before_mb:.0f} {outcome}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
