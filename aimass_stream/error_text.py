"""Exceptions of foreign code as text that may leave the process: short, and no payload in it."""

from __future__ import annotations

import re
import sysconfig
import traceback
from pathlib import Path

from aimass_stream.errors import AimassError, ConfigError

DETAIL_CHARS = 300
TRACE_CHARS = 8_000
SENTENCE_CHARS = 1_200
CODE_MISTAKES = (TypeError, NameError, AttributeError, ImportError, SyntaxError)
"""What Python raises where code is wrong, whatever the world around it is like."""

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
            return near(path, line)
    return ""


def extra_missing(extra: str) -> str:
    """The sentence that says how to install an extra of this package, which no index holds."""
    return (
        f"The extra {extra!r} of aimass-stream is not installed: in its checkout, "
        f"pip install --constraint constraints.txt '.[{extra}]'"
    )


def near(path: Path, line: int | None = None) -> str:
    """A place in a file as `file:line`, the file told from the working directory if below it."""
    file = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"{file}:{line}" if line else str(file)


def explain(error: BaseException) -> str:
    """What is wrong and where, as one line for people: `TypeError: ... (models/digits.py:3)`.

    An error of the engine's own speaks for itself, without its class.
    """
    if isinstance(error, AimassError):
        text = str(error).partition("\n")[0]
    elif isinstance(error, SyntaxError):
        # Its text names the file once more, without its folder.
        text = f"{type(error).__name__}: {error.msg}"
    else:
        text = describe(error)
    place = place_of(error)
    text = text[:SENTENCE_CHARS]
    return f"{text} ({place})" if place else text


def is_mistake(error: BaseException) -> bool:
    """Whether an import failed for what its code says, so that the next one would fail as well.

    What may have been the machine's fault, as a lack of memory or a device that is busy, is none.
    """
    if isinstance(error, AimassError):
        return error.exit_code == ConfigError.exit_code
    known = isinstance(error, (*CODE_MISTAKES, ValueError, LookupError))
    # A library that finds no room in memory is reported as one that cannot be imported.
    return known and not is_out_of_memory(error) and "Cannot allocate memory" not in str(error)


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
