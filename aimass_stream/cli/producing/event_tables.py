"""Rows of a table as behaviour events: which column is which field, and what a row becomes."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from aimass_stream.cli.producing.event_form import FIELDS, EventForm, EventKind, TimeUnit
from aimass_stream.cli.producing.items import UnsendableError
from aimass_stream.errors import ConfigError
from aimass_stream.records.behaviour import encode_event, encode_position

_RESERVED = frozenset({"user", "item", "kind", "lat", "lon", "time_ms", "altitude_m"})


@dataclass(frozen=True, slots=True)
class Table:
    """How a row is read.

    Attributes:
        header: the names of the columns.
        places: in which column each field stands.
        kind: of every row.
        unit: of its times.
    """

    header: Sequence[str]
    places: Mapping[str, int]
    kind: EventKind
    unit: TimeUnit

    def event(self, line: bytes) -> tuple[bytes, str]:
        """The value and the user of a row; columns that are no field become metadata, as text.

        Raises:
            UnsendableError: it is no event.
        """
        cells = split_row(line)
        if len(cells) != len(self.header):
            raise UnsendableError(f"it has {len(cells)} cells below {len(self.header)} columns")
        found = {name: cells[place] for name, place in self.places.items()}
        try:
            return self._encode(found, self._metadata(cells)), found["user"]
        except ValueError as error:
            raise UnsendableError(str(error)) from None

    def _encode(self, found: dict[str, str], metadata: dict[str, Any]) -> bytes:
        time_ms = self._time_ms(found.get("time", ""))
        if self.kind is not EventKind.POSITION:
            return encode_event(found["user"], found["item"], self.kind, time_ms, metadata)
        high = found.get("altitude")
        return encode_position(
            found["user"],
            _number("lat", found["lat"]),
            _number("lon", found["lon"]),
            time_ms,
            _number("altitude", high) if high else None,
            metadata,
        )

    def _metadata(self, cells: Sequence[str]) -> dict[str, Any]:
        used = {self.header[place] for place in self.places.values()} | _RESERVED
        return {
            name: cell for name, cell in zip(self.header, cells, strict=True) if name not in used
        }

    def _time_ms(self, text: str) -> int | None:
        if not text:
            return None
        try:
            told = Decimal(text.strip())
        except InvalidOperation:
            raise ValueError("its time is no number") from None
        # An exponent of a few letters can stand for more digits than memory holds.
        if not told.is_finite() or told.adjusted() > 18:
            raise ValueError("its time is no number that a time can be")
        # Decimals, since a float would lose the last digits of nanoseconds.
        return int((told * 1000 if self.unit is TimeUnit.S else told).to_integral_value())


def open_table(name: str, line: bytes, form: EventForm) -> Table:
    """Find the fields in the header of a table.

    Args:
        name: the file's, for people.
        line: the header.
        form: which column is which field, where the usual names do not hold.

    Raises:
        ConfigError: a column that is needed is not there.
    """
    try:
        header = [cell.strip() for cell in split_row(line)]
    except UnsendableError as error:
        raise ConfigError(f"The header of {name} cannot be read: {error}") from None
    lower = [cell.lower() for cell in header]
    needed = ("user", "lat", "lon") if form.kind is EventKind.POSITION else ("user", "item")
    optional = ("time", "altitude") if form.kind is EventKind.POSITION else ("time",)
    places: dict[str, int] = {}
    for field in (*needed, *optional):
        told = form.columns.get(field)
        wanted = FIELDS[field] if told is None else (told.lower(),)
        place = next((lower.index(one) for one in wanted if one in lower), None)
        if place is not None:
            places[field] = place
        elif told is not None or field in needed:
            what = f"column {told!r}" if told is not None else f"column for the {field}"
            example = ",".join(f"{one}=..." for one in (*needed, "time"))
            raise ConfigError(
                f"{name} has no {what}; its header is: {', '.join(header)}. "
                f"Say which column is which: --columns {example}"
            )
    return Table(header, places, form.kind, form.unit)


def split_row(line: bytes) -> list[str]:
    """The cells of a row.

    Raises:
        UnsendableError: it is no UTF-8, or its quotes do not match.
    """
    try:
        rows = list(csv.reader([line.decode()], strict=True))
    except UnicodeDecodeError:
        raise UnsendableError("it is no UTF-8") from None
    except csv.Error as error:
        raise UnsendableError(f"it is no row of a CSV file: {error}") from None
    return rows[0] if rows else []


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"its {name} is no number") from None
