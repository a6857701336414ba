"""JSON objects as items: the lines of files, sent as they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aimass_stream.cli.producing.errand import Cargo
from aimass_stream.cli.producing.items import Parcel
from aimass_stream.cli.producing.lines import Line, find_lines, key_of, object_of
from aimass_stream.errors import AimassError


def find_objects(files: Sequence[Path], key_field: str | None) -> Cargo:
    """The lines of files that are not blank, in order.

    Args:
        files: each line of which is a JSON object.
        key_field: where an object's key stands; None for records without a key.

    Raises:
        AimassError: there are none.
        ConfigError: a file cannot be read.
    """
    items = [ObjectItem(line, key_field) for file in files for line in find_lines(file)]
    if not items:
        raise AimassError(f"There is no line to send in {', '.join(map(str, files))}.")
    return Cargo(items, [])


@dataclass(frozen=True, slots=True)
class ObjectItem:
    """A line that is a JSON object."""

    line: Line
    key_field: str | None

    @property
    def id(self) -> str:
        """The line's."""
        return self.line.id

    @property
    def name(self) -> str:
        """The line's."""
        return self.line.name

    def load(self) -> Parcel:
        """Read the line; what its fields mean is for the agents of its topic to say.

        Raises:
            UnsendableError: it cannot be read, is no JSON object, or has not the key field.
        """
        value = self.line.read()
        fields = object_of(value)
        key = None if self.key_field is None else key_of(fields, self.key_field)
        return Parcel(value, key, [("content-type", b"application/json")])
