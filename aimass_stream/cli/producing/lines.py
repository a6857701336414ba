"""The lines of a file as items: where each lies, so that a run can be gone on with.

A file is read once to find its lines and once more to send them, never as a whole. What a line
becomes on a topic is the modality's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote_from_bytes
from zlib import crc32

import orjson

from aimass_stream.cli.producing.items import UnsendableError
from aimass_stream.cli.units import size_text
from aimass_stream.errors import ConfigError

LINE_BYTES = 900_000
"""The longest line that is sent; a broker takes messages of about a million bytes."""

JSON_SUFFIXES = frozenset({".jsonl", ".ndjson"})
"""Names of files whose lines are JSON objects."""

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank.

    Attributes:
        path: the file; absolute.
        number: counted from 1, as editors do.
        start: its first byte in the file.
        size: its bytes, the line break not counted.
        checksum: CRC-32 of these bytes.
    """

    path: Path
    number: int
    start: int
    size: int
    checksum: int

    @property
    def id(self) -> str:
        """Place and content: a file that has grown since gives new ids to the new lines only."""
        place = quote_from_bytes(os.fsencode(self.path))
        return f"{place}?{self.start}.{self.size}.{self.checksum:08x}"

    @property
    def name(self) -> str:
        """`file:number`; bytes that are no UTF-8 are replaced."""
        return f"{os.fsencode(self.path.name).decode(errors='replace')}:{self.number}"

    def read(self) -> bytes:
        """The bytes of the line, without its break; blocks, and runs in any thread.

        Raises:
            UnsendableError: it is too long, cannot be read, or changed since it was found.
        """
        if self.size > LINE_BYTES:
            raise UnsendableError(
                f"{size_text(self.size)} are too long a line; {size_text(LINE_BYTES)} can be sent"
            )
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(self.start)
                content = file.read(self.size)
        except OSError as error:
            raise UnsendableError(f"it cannot be read: {error.strerror or error}") from error
        if crc32(content) != self.checksum:
            raise UnsendableError("the file was changed since this run began; run it again")
        return content

    def read_object(self) -> dict[str, Any]:
        """The line as a JSON object.

        Raises:
            UnsendableError: as `read`, or the line is no JSON object.
        """
        return object_of(self.read())


def find_lines(path: Path) -> list[Line]:
    """The lines of a file, in order; blank ones are left out, a byte order mark is no part.

    Raises:
        ConfigError: the file cannot be read.
    """
    path = path.absolute()
    try:
        with path.open("rb") as file:
            return list(_lines(path, file))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error


def object_of(content: bytes) -> dict[str, Any]:
    """What a line says, if it is a JSON object.

    Raises:
        UnsendableError: it is none.
    """
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise UnsendableError(f"it is no valid JSON (character {error.pos})") from None
    if not isinstance(found, dict):
        raise UnsendableError("it is no JSON object")
    return found


def key_of(fields: dict[str, Any], name: str) -> bytes:
    """The key that a field of a JSON object stands for: a text as it is, all else as JSON.

    Raises:
        UnsendableError: there is no such field, or it is null.
    """
    found = fields.get(name)
    if found is None:
        raise UnsendableError(f"it has no field {name!r} to take the key from")
    return found.encode() if isinstance(found, str) else orjson.dumps(found)


def _lines(path: Path, file: IO[bytes]) -> Iterator[Line]:
    number, at = 0, 0
    while piece := file.readline(LINE_BYTES + 2):
        number += 1
        start, size, checksum, blank = at, 0, 0, True
        if number == 1 and piece.startswith(_BOM):
            start, piece = start + len(_BOM), piece[len(_BOM) :]
        at = start
        while True:
            at += len(piece)
            ends = piece.endswith(b"\n")
            held = piece.removesuffix(b"\n").removesuffix(b"\r") if ends else piece
            size, checksum = size + len(held), crc32(held, checksum)
            blank = blank and not held.strip()
            if ends or not (piece := file.readline(LINE_BYTES)):
                break
        if not blank:
            yield Line(path, number, start, size, checksum)
