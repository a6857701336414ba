"""How the lines of a file are written that are to be behaviour events; light to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class EventFormat(StrEnum):
    """What a line is."""

    AUTO = "auto"
    """`CSV` for names that end in .csv, else `EVENTS`."""
    EVENTS = "events"
    """A behaviour event in JSON, sent as it is."""
    SESSIONS = "sessions"
    """The clicks of one visit: `[1, 2, 3]`, or `{"seen": [1, 2], "next": 3}`."""
    CSV = "csv"
    """A row below a header."""


class EventKind(StrEnum):
    """What a row of a table says was done."""

    VIEW = "view"
    CLICK = "click"
    BUY = "buy"
    POSITION = "position"


class TimeUnit(StrEnum):
    """What times in a table are counted in, since 1970."""

    S = "s"
    MS = "ms"


FIELDS: Mapping[str, tuple[str, ...]] = {
    "user": ("user", "user_id", "userid"),
    "item": ("item", "item_id", "itemid"),
    "time": ("time_ms", "time", "timestamp"),
    "lat": ("lat", "latitude"),
    "lon": ("lon", "longitude"),
    "altitude": ("altitude_m", "altitude"),
}
"""The fields a column may be, and the names that are taken for them unless others are given."""


@dataclass(frozen=True, slots=True)
class EventForm:
    """How the lines of a run are read.

    Attributes:
        format: what a line is.
        columns: the column of each field, where the usual names do not hold.
        kind: of every row of a table.
        unit: of the times of a table.
    """

    format: EventFormat = EventFormat.AUTO
    columns: Mapping[str, str] = field(default_factory=dict)
    kind: EventKind = EventKind.VIEW
    unit: TimeUnit = TimeUnit.MS


def parse_columns(text: str) -> dict[str, str]:
    """Columns written as `user=userId,item=movieId`.

    Raises:
        ValueError: it is not written so, or names a field that no event has.
    """
    columns: dict[str, str] = {}
    for part in text.split(","):
        name, sign, column = (piece.strip() for piece in part.partition("="))
        if not sign or not column:
            raise ValueError(f"{part!r} is no FIELD=COLUMN")
        if name not in FIELDS:
            raise ValueError(f"{name!r} is none of: {', '.join(FIELDS)}")
        columns[name] = column
    return columns
