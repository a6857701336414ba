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
from collections.abc import Callable
from pathlib import Path

import orjson

from aimass_stream.adapters.engines import engine_of
from aimass_stream.config import settings
from aimass_stream.model import ModelSpec

log = logging.getLogger("aimass.device")

FORM = 1
"""Raised when models are written otherwise than before."""

_WRITERS = ("onnx", "onnxruntime", "torch", "transformers")
_KEY_DIGITS = 24

Write = Callable[[Path], None]
"""Writes a file."""


def kept_or_written(spec: ModelSpec, write: Write) -> bytes:
    """The file of a model for its engine, found where an earlier process put it, or written.

    A model of whose files nothing is known is written and not kept.

    Args:
        spec: the resolved declaration.
        write: writes it.

    Raises:
        OSError: the folder cannot be written.
    """
    if not spec.digest:
        with tempfile.TemporaryDirectory() as draft:
            return _written(Path(draft), write)
    folder, key = settings().engines_folder, key_of(spec)
    found = _find(folder, key)
    return _keep(folder, key, write) if found is None else found


def key_of(spec: ModelSpec) -> str:
    """Equal where a file that was written for one serves the other."""
    versions = [importlib.metadata.version(name) for name in _WRITERS]
    made_of = [FORM, spec.digest, spec.adapter, engine_of(spec.options), versions]
    return hashlib.sha256(orjson.dumps(made_of)).hexdigest()[:_KEY_DIGITS]


def _find(folder: Path, key: str) -> bytes | None:
    for path in sorted(folder.glob(f"{key}-*.onnx")):
        content = path.read_bytes()
        if path.stem == f"{key}-{hashlib.sha256(content).hexdigest()}":
            return content
        log.warning("%s is damaged; it is written again", path)
        path.unlink(missing_ok=True)
    return None


def _keep(folder: Path, key: str, write: Write) -> bytes:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".draft-") as draft:
        content = _written(Path(draft), write)
        name = f"{key}-{hashlib.sha256(content).hexdigest()}.onnx"
        _file_in(Path(draft)).replace(folder / name)
    return content


def _written(draft: Path, write: Write) -> bytes:
    file = _file_in(draft)
    write(file)
    with file.open("rb") as held:
        os.fsync(held.fileno())
        return held.read()


def _file_in(draft: Path) -> Path:
    return draft / "model.onnx"
