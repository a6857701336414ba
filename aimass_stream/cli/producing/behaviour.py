"""Behaviour as items: events in JSON, visits as lists of items, and rows of tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from aimass_stream.cli.producing.errand import Cargo
from aimass_stream.cli.producing.event_form import EventForm, EventFormat
from aimass_stream.cli.producing.event_tables import Table, open_table
from aimass_stream.cli.producing.items import Item, Parcel, UnsendableError
from aimass_stream.cli.producing.lines import Line, find_lines
from aimass_stream.errors import AimassError, ConfigError, RecordError
from aimass_stream.records.behaviour import FIRST_MS, encode_event, read_behaviour

SESSIONS_MS = 1_735_689_600_000
"""Event time of the first visit of a file that tells no times: 2025-01-01 UTC."""
SESSION_EVERY_MS = 60_000
"""Event time from one visit to the next."""
CLICK_EVERY_MS = 1_000
"""Event time from one click of a visit to the next."""


def find_events(files: Sequence[Path], form: EventForm) -> Cargo:
    """The events of some files, in the order of their lines.

    Raises:
        AimassError: there are none.
        ConfigError: a file cannot be read, or lacks a column that is needed.
    """
    items: list[Item] = []
    for path in files:
        items += _items(path, form)
    if not items:
        raise AimassError(f"There is no line to send in {', '.join(map(str, files))}.")
    return Cargo(items, [])


def _items(path: Path, form: EventForm) -> Iterator[Item]:
    lines, what = find_lines(path), form.format
    if what is EventFormat.AUTO:
        what = EventFormat.CSV if path.suffix.lower() == ".csv" else EventFormat.EVENTS
    if what is EventFormat.SESSIONS:
        for line in lines:
            yield from _visit(line)
    elif what is EventFormat.CSV and lines:
        table = open_table(path.name, _header(lines[0]), form)
        for line in lines[1:]:
            yield RowItem(line, table)
    else:
        for line in lines:
            yield EventItem(line)


def _visit(line: Line) -> Iterator[Item]:
    """A visit becomes an item a click; a line that is none still is one, to be told of."""
    try:
        clicks = len(_clicks(line))
    except UnsendableError:
        clicks = 1
    for number in range(clicks):
        yield ClickItem(line, number)


def _header(line: Line) -> bytes:
    try:
        return line.read()
    except UnsendableError as error:
        raise ConfigError(f"{line.name}: {error}") from None


@dataclass(frozen=True, slots=True)
class EventItem:
    """A line that is an event already; it is sent as it stands."""

    line: Line

    @property
    def id(self) -> str:
        """The line's."""
        return self.line.id

    @property
    def name(self) -> str:
        """The line's."""
        return self.line.name

    def load(self) -> Parcel:
        """Read the line.

        Raises:
            UnsendableError: it cannot be read, or the engine would refuse it.
        """
        value = self.line.read()
        try:
            # Without a time of its own an event has that of its record, which is now.
            action = read_behaviour(value, FIRST_MS)
        except RecordError as error:
            hint = "; is this --format sessions?" if value.lstrip()[:1] == b"[" else ""
            raise UnsendableError(f"it is no event: {error.detail}{hint}") from None
        return Parcel(value, action.user.encode(), [])


@dataclass(frozen=True, slots=True)
class RowItem:
    """A row of a table."""

    line: Line
    table: Table

    @property
    def id(self) -> str:
        """The line's."""
        return self.line.id

    @property
    def name(self) -> str:
        """The line's."""
        return self.line.name

    def load(self) -> Parcel:
        """Read the row and write it as an event.

        Raises:
            UnsendableError: it cannot be read, or is no event.
        """
        value, user = self.table.event(self.line.read())
        return Parcel(value, user.encode(), [])


@dataclass(frozen=True, slots=True)
class ClickItem:
    """A click of a visit: its user is the visit, which is all that is known of them."""

    line: Line
    number: int

    @property
    def id(self) -> str:
        """The line's, and which click of it."""
        return f"{self.line.id}.{self.number}"

    @property
    def name(self) -> str:
        """The line's."""
        return self.line.name

    def load(self) -> Parcel:
        """Write the click as an event, at a time made up from its place in the file.

        Raises:
            UnsendableError: the line cannot be read, or is no visit.
        """
        item = _clicks(self.line)[self.number]
        time_ms = SESSIONS_MS + SESSION_EVERY_MS * (self.line.number - 1)
        user = f"{self.line.path.stem}-{self.line.number}"
        try:
            value = encode_event(user, item, "click", time_ms + CLICK_EVERY_MS * self.number)
        except ValueError as error:
            raise UnsendableError(str(error)) from None
        return Parcel(value, user.encode(), [])


@lru_cache(maxsize=64)
def _clicks(line: Line) -> list[str]:
    """The items of a visit, in order.

    Raises:
        UnsendableError: the line cannot be read, or is no visit.
    """
    try:
        found: Any = orjson.loads(line.read())
    except orjson.JSONDecodeError as error:
        raise UnsendableError(f"it is no valid JSON (character {error.pos})") from None
    if isinstance(found, dict) and isinstance(found.get("seen"), list) and "next" in found:
        found = [*found["seen"], found["next"]]
    if not isinstance(found, list) or not found:
        raise UnsendableError('it is no visit: write [1, 2] or {"seen": [1], "next": 2}')
    if not all(isinstance(item, int | str) and not isinstance(item, bool) for item in found):
        raise UnsendableError("the items of a visit must be texts or whole numbers")
    return [str(item) for item in found]
