"""Exceptions of foreign code as text that may leave the process: short, and no payload in it."""

from __future__ import annotations

import re
import sysconfig
import traceback
from pathlib import Path

DETAIL_CHARS = 300
TRACE_CHARS = 8_000

_QUOTED = re.compile(r"'[^']+'|\"[^\"]+\"")


def describe(error: BaseException, payload: bytes | memoryview = b"") -> str:
    """The class and first line of an error; what it quotes from `payload` is left out."""
    lines = str(error).splitlines()
    line = lines[0] if lines else ""
    if payload:
        held = bytes(payload)
        line = _QUOTED.sub(
            lambda quoted: "'...'" if quoted[0][1:-1].encode() in held else quoted[0], line
        )
    line = "".join(char if char.isprintable() else "?" for char in line)
    name = type(error).__name__
    return (f"{name}: {line}" if line else name)[:DETAIL_CHARS]


def trace_of(error: BaseException, chars: int = TRACE_CHARS) -> str:
    """The traceback without the error's own text, which may quote a payload."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"Traceback (most recent call last):\n{frames}{type(error).__name__}"[-chars:]


def place_of(error: BaseException) -> str:
    """Where a project's own code raised an error: `file:line`; empty where none had a part in it.

    That is the last frame outside the engine, the standard library and installed packages. The
    file is told from the working directory where it lies below it.
    """
    frames = traceback.extract_tb(error.__traceback__)
    places = [(frame.filename, frame.lineno) for frame in frames]
    if isinstance(error, SyntaxError):
        places.append((error.filename or "<string>", error.lineno))
    for file, line in reversed(places):
        path = Path(file)
        if not file.startswith("<") and not any(map(path.is_relative_to, _foreign_folders())):
            near = path.is_relative_to(Path.cwd())
            return f"{path.relative_to(Path.cwd()) if near else path}:{line}"
    return ""


def extra_missing(extra: str) -> str:
    """The sentence that says how to install an extra of this package, which no index holds."""
    return (
        f"The extra {extra!r} of aimass-stream is not installed: in its checkout, "
        f"pip install --constraint constraints.txt '.[{extra}]'"
    )


def _foreign_folders() -> set[str]:
    paths = sysconfig.get_paths()
    engine = str(Path(__file__).parent)
    return {engine, *(paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a smaller batch may pass where this one failed."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
        or "CUDA error: out of memory" in str(error)
    )


def is_device_lost(error: BaseException) -> bool:
    """Whether the device answers nothing any more to this process, as after a failed kernel."""
    text = str(error)
    return ("CUDA error: " in text or "CUDNN_STATUS_" in text) and not is_out_of_memory(error)
