"""Texts as items: the lines of files, each a text or a JSON object that holds one."""

from __future__ import annotations

import codecs
import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from aimass_stream.cli.producing.errand import Cargo
from aimass_stream.cli.producing.items import Parcel, UnsendableError
from aimass_stream.cli.producing.lines import JSON_SUFFIXES, Line, find_lines, key_of
from aimass_stream.errors import AimassError, ConfigError, RecordError
from aimass_stream.records import Limits, Text
from aimass_stream.records.json_object import METADATA_PREFIX


@dataclass(frozen=True, slots=True)
class TextForm:
    """How the lines of a run become texts.

    Attributes:
        field: of a JSON object, where its text stands.
        key_field: of a JSON object, what its key is; None for the line's name.
        labelled: whether a line of text begins with its label and a space or tab.
        encoding: of lines of text; they are sent in UTF-8.
        limits: texts above them will be refused by the engine.
    """

    field: str = "text"
    key_field: str | None = None
    labelled: bool = False
    encoding: str = "utf-8"
    limits: Limits = dataclasses.field(default_factory=Limits)


def find_texts(files: Sequence[Path], how: TextForm) -> Cargo:
    """The lines of files, in order; those of .jsonl and .ndjson are JSON objects.

    Raises:
        AimassError: there are none.
        ConfigError: a file cannot be read, or the encoding is not known.
    """
    try:
        codecs.lookup(how.encoding)
    except LookupError:
        raise ConfigError(
            f"Encoding {how.encoding!r} is not known; write for example utf-8 or latin-1"
        ) from None
    items = [
        JsonItem(line, how) if file.suffix.lower() in JSON_SUFFIXES else TextItem(line, how)
        for file in files
        for line in find_lines(file)
    ]
    if not items:
        raise AimassError(f"No line of text lies in {', '.join(map(str, files))}.")
    return Cargo(items, [])


@dataclass(frozen=True, slots=True)
class LineItem:
    """A line that becomes one record."""

    line: Line
    how: TextForm

    @property
    def id(self) -> str:
        """The line's."""
        return self.line.id

    @property
    def name(self) -> str:
        """The line's."""
        return self.line.name

    def _parcel(self, value: bytes, content_type: str, key: bytes, **about: str) -> Parcel:
        about = {"file": self.name.rpartition(":")[0], "line": str(self.line.number), **about}
        headers = [("content-type", content_type.encode())]
        headers += [(METADATA_PREFIX + name, text.encode()) for name, text in about.items()]
        doubt = ""
        try:
            Text("", 0, 0, 0, key, value, headers).check(self.how.limits)
        except RecordError as error:
            doubt = error.detail
        return Parcel(value, key, headers, doubt)

    def _key(self) -> bytes:
        return os.fsencode(self.line.path.name) + f":{self.line.number}".encode()


class TextItem(LineItem):
    """A line that is a text."""

    __slots__ = ()

    def load(self) -> Parcel:
        """Read the line; with `labelled`, its first word becomes metadata.

        Raises:
            UnsendableError: it cannot be read, is not in the encoding, or has no more than a
                label.
        """
        content, about = self.line.read(), {}
        if codecs.lookup(self.how.encoding).name != "utf-8":
            try:
                content = content.decode(self.how.encoding).encode()
            except UnicodeDecodeError:
                raise UnsendableError(f"it is not in {self.how.encoding}") from None
        if self.how.labelled:
            label, *rest = content.split(maxsplit=1)
            if not rest:
                raise UnsendableError("it has a label and no text")
            content, about = rest[0].rstrip(), {"label": label.decode(errors="replace")}
        return self._parcel(content, "text/plain", self._key(), **about)


class JsonItem(LineItem):
    """A line that is a JSON object with a text in it."""

    __slots__ = ()

    def load(self) -> Parcel:
        """Read the line; all its other fields become metadata.

        Raises:
            UnsendableError: it cannot be read, is no JSON object, or has not the fields named.
        """
        fields, how = self.line.read_object(), self.how
        key = self._key() if how.key_field is None else key_of(fields, how.key_field)
        text = fields.pop(how.field, None)
        if not isinstance(text, str):
            raise UnsendableError(f"it has no field {how.field!r} that is a text")
        return self._parcel(_write(text, fields), "application/json", key)


def _write(text: str, fields: dict[str, Any]) -> bytes:
    if "text" in fields:
        raise UnsendableError("it has another field 'text', which is where the text would go")
    return orjson.dumps({"text": text, **fields})
