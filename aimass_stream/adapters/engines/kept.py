"""Models as they were written for an engine, kept in a folder so that each is written once.

A file is named by what it was made of and by the checksum of what it holds. So it appears whole,
processes that write at once do not disturb each other, and damage shows. The checksum is no
signature: whoever can write the folder can put a file of his own there.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from aimass_stream.adapters.engines import engine_of
from aimass_stream.model import ModelSpec

log = logging.getLogger("aimass.device")

FORM = 1
"""Raised when models are written otherwise than before."""

_WRITERS = ("onnx", "onnxruntime", "torch", "transformers")
_KEY_DIGITS = 24

Write = Callable[[Path], None]
"""Writes a file."""


@contextmanager
def kept_or_written(spec: ModelSpec, write: Write) -> Iterator[Path]:
    """The file of a model for its engine, found where an earlier process put it, or written.

    A model of whose files nothing is known is written, and gone with the context.

    Args:
        spec: the resolved declaration.
        write: writes it.

    Raises:
        OSError: the folder cannot be written.
    """
    if not spec.digest:
        with tempfile.TemporaryDirectory() as draft:
            yield _written(Path(draft), write)
        return
    # Reading settings takes a library of its own, which most processes never need.
    from aimass_stream.config import settings

    folder, key = settings().engines_folder, key_of(spec)
    yield _find(folder, key) or _keep(folder, key, write)


def key_of(spec: ModelSpec) -> str:
    """Equal where a file that was written for one serves the other."""
    versions = [importlib.metadata.version(name) for name in _WRITERS]
    made_of = [FORM, spec.digest, spec.adapter, engine_of(spec.options), versions]
    return hashlib.sha256(orjson.dumps(made_of)).hexdigest()[:_KEY_DIGITS]


def _find(folder: Path, key: str) -> Path | None:
    for path in sorted(folder.glob(f"{key}-*.onnx")):
        if path.stem == f"{key}-{_checksum(path)}":
            return path
        log.warning("%s is damaged; it is written again", path)
        path.unlink(missing_ok=True)
    return None


def _keep(folder: Path, key: str, write: Write) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".draft-") as draft:
        file = _written(Path(draft), write)
        return file.replace(folder / f"{key}-{_checksum(file)}.onnx")


def _written(draft: Path, write: Write) -> Path:
    file = draft / "model.onnx"
    write(file)
    with file.open("rb") as held:
        os.fsync(held.fileno())
    return file


def _checksum(file: Path) -> str:
    with file.open("rb") as held:
        return hashlib.file_digest(held, "sha256").hexdigest()
