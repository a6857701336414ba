"""What somebody did, or where somebody was: one JSON object per event.

* an action: `{"user": "u1", "item": "i7", "kind": "view"|"click"|"buy", "time_ms": 1700000000000}`
* a position: `{"user": "u1", "kind": "position", "lat": 52.5, "lon": 13.4, "time_ms": ...,
  "altitude_m": 34.0}`, in degrees (WGS 84), longitudes from -180 to 180.

`time_ms` and `altitude_m` may be left out or null. Event time is `time_ms`, else the record's
timestamp, and lies in the years 1990 to 2100: seconds or microseconds written for milliseconds
are refused rather than taken for 1970 or the far future. Other fields are metadata, also
`item` on a position and `lat` on an action. Order and repetition are no matter of one record:
what reads a stream of them has to expect both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any, Literal

import msgspec
import orjson

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records.chunk import Record
from aimass_stream.records.example import Doing, Example, draw_doings, draw_of
from aimass_stream.records.json_object import METADATA_PREFIX, as_form, check_declared, read_object
from aimass_stream.records.limits import Limits

Kind = Literal["view", "click", "buy", "position"]

ACTIONS = ("view", "click", "buy")
"""The kinds that have an item."""
POSITION = "position"
"""The kind that has a place."""
ID_CHARS = 200
"""Characters of a user's or an item's id."""
FIRST_MS = 631_152_000_000
"""1990-01-01 UTC; no event is earlier."""
LAST_MS = 4_102_444_800_000
"""2100-01-01 UTC; no event is as late."""

_DEFAULT_LIMITS = Limits()
_UNITS = ((1_000, "seconds"), (1e-3, "microseconds"), (1e-6, "nanoseconds"))

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=ID_CHARS)]


class Action(msgspec.Struct, frozen=True, gc=False):
    """An event that was accepted.

    Attributes:
        user: who.
        kind: what was done.
        item: to which item; None for a position.
        lat: degrees north, -90 to 90; None but for a position.
        lon: degrees east, -180 to 180; None but for a position.
        time_ms: event time, milliseconds since the epoch.
        altitude_m: metres above the ellipsoid; None where it is not known.
    """

    user: str
    kind: Kind
    item: str | None
    lat: float | None
    lon: float | None
    time_ms: int
    altitude_m: float | None = None


class _ActionForm(msgspec.Struct):
    user: _Id
    item: _Id
    kind: Literal["view", "click", "buy"]
    time_ms: int | None = None


class _PositionForm(msgspec.Struct):
    user: _Id
    kind: Literal["position"]
    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)]
    time_ms: int | None = None
    altitude_m: Annotated[float, msgspec.Meta(ge=-12_000, le=1_000_000)] | None = None


_OWN = frozenset(_ActionForm.__struct_fields__ + _PositionForm.__struct_fields__)
_OWN_OF_ACTION = frozenset(_ActionForm.__struct_fields__)
_OWN_OF_POSITION = frozenset(_PositionForm.__struct_fields__)


class Behaviour(Record):
    """A behaviour record; its properties hold once `check` has accepted it."""

    __slots__ = ("_action",)

    _action: Action

    @classmethod
    def examples(cls, count: int, seed: int = 0) -> list[Example]:
        """Events of all kinds, of many users, in the order of event time, keyed by user."""
        doings = islice(draw_doings(draw_of(seed, "behaviour")), count)
        return [Example(_write_example(doing), doing.user.encode()) for doing in doings]

    def check(self, limits: Limits) -> None:
        """Accept one of the two shapes.

        Raises:
            RecordError: EMPTY (also for a tombstone), TOO_LARGE, BAD_ENVELOPE (neither shape,
                or a field that cannot be), or TYPE_MISMATCH (declared not to be JSON).
        """
        if self.headers:
            check_declared(self.headers)
        self._action = read_behaviour(self.value, self.timestamp_ms, limits)

    @property
    def action(self) -> Action:
        """All of it, as plain data."""
        return self._action

    @property
    def user(self) -> str:
        """Who."""
        return self._action.user

    @property
    def kind(self) -> Kind:
        """`view`, `click`, `buy` or `position`."""
        return self._action.kind

    @property
    def item(self) -> str | None:
        """What was viewed, clicked or bought; None for a position."""
        return self._action.item

    @property
    def lat(self) -> float | None:
        """Degrees north, -90 to 90; None but for a position."""
        return self._action.lat

    @property
    def lon(self) -> float | None:
        """Degrees east, -180 to 180; None but for a position."""
        return self._action.lon

    @property
    def altitude_m(self) -> float | None:
        """Metres above the ellipsoid; None where it is not known."""
        return self._action.altitude_m

    @property
    def time_ms(self) -> int:
        """Event time, milliseconds since the epoch: the value's, else the record's."""
        return self._action.time_ms

    @property
    def metadata(self) -> dict[str, Any]:
        """Everything the producer sent beside the event; a copy, made anew each time.

        Text from `meta-*` headers (bytes that are no UTF-8 are replaced), any JSON from the
        other fields, which win.
        """
        own = _OWN_OF_POSITION if self.kind == POSITION else _OWN_OF_ACTION
        start = len(METADATA_PREFIX)
        found: dict[str, Any] = {
            name[start:]: held.decode(errors="replace")
            for name, held in self.headers
            if name.startswith(METADATA_PREFIX)
        }
        fields: dict[str, Any] = orjson.loads(self.bytes)
        found.update((name, held) for name, held in fields.items() if name not in own)
        return found


def read_behaviour(
    value: bytes | None, timestamp_ms: int, limits: Limits = _DEFAULT_LIMITS
) -> Action:
    """Read the value of a behaviour record; for whoever has no `Record`, such as a learner.

    Args:
        value: the record's value.
        timestamp_ms: the record's timestamp: event time where the value has none.
        limits: of which `event_bytes` counts.

    Raises:
        RecordError: EMPTY (also for a tombstone), TOO_LARGE or BAD_ENVELOPE.
    """
    fields = read_object(value, limits.event_bytes)
    kind = fields.get("kind")
    if kind == POSITION:
        place = as_form(fields, _PositionForm)
        time_ms = _event_time(place.time_ms, timestamp_ms)
        return Action(place.user, place.kind, None, place.lat, place.lon, time_ms, place.altitude_m)
    if kind not in ACTIONS:
        raise RecordError(
            Reason.BAD_ENVELOPE, "`kind` must be one of view, click, buy and position"
        )
    act = as_form(fields, _ActionForm)
    time_ms = _event_time(act.time_ms, timestamp_ms)
    return Action(act.user, act.kind, act.item, None, None, time_ms)


def encode_event(
    user: str,
    item: str,
    kind: str = "click",
    time_ms: int | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> bytes:
    """The value of an action; it needs no headers.

    Args:
        user: who; the natural key of the record.
        item: what it was done to.
        kind: `view`, `click` or `buy`.
        time_ms: event time, milliseconds since the epoch; the record's timestamp when None.
        metadata: any JSON, beside the event's own fields.

    Raises:
        ValueError: it would be refused on the topic.
    """
    return _dump({"user": user, "item": item, "kind": kind, "time_ms": time_ms}, metadata)


def encode_position(
    user: str,
    lat: float,
    lon: float,
    time_ms: int | None = None,
    altitude_m: float | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> bytes:
    """The value of a position; it needs no headers.

    Args:
        user: who; the natural key of the record.
        lat: degrees north, -90 to 90.
        lon: degrees east, -180 to 180.
        time_ms: event time, milliseconds since the epoch; the record's timestamp when None.
        altitude_m: metres above the ellipsoid.
        metadata: any JSON, beside the event's own fields.

    Raises:
        ValueError: it would be refused on the topic.
    """
    own = {"user": user, "kind": POSITION, "lat": lat, "lon": lon}
    return _dump({**own, "time_ms": time_ms, "altitude_m": altitude_m}, metadata)


def encode_behaviour(action: Action, metadata: Mapping[str, Any] | None = None) -> bytes:
    """The value that `read_behaviour` reads as this action.

    Raises:
        ValueError: it would be refused on the topic.
    """
    fields = msgspec.structs.asdict(action)
    if action.kind != POSITION and (action.lat, action.lon, action.altitude_m) != (None,) * 3:
        raise ValueError("only a position has `lat`, `lon` and `altitude_m`")
    if action.kind == POSITION and action.item is not None:
        raise ValueError("a position has no `item`")
    return _dump(fields, metadata)


def _write_example(doing: Doing) -> bytes:
    if doing.kind == POSITION:
        return encode_position(doing.user, doing.lat, doing.lon, doing.time_ms)
    return encode_event(doing.user, doing.item, doing.kind, doing.time_ms)


def _dump(own: dict[str, Any], metadata: Mapping[str, Any] | None) -> bytes:
    taken = _OWN & (metadata or {}).keys()
    if taken:
        raise ValueError(
            f"metadata may not be named {', '.join(sorted(taken))}: the event uses that itself"
        )
    # They would be written as null, and a missing altitude taken for an unknown one.
    if any(isinstance(held, float) and not math.isfinite(held) for held in own.values()):
        raise ValueError("the event would be refused: a number is not finite")
    given = {name: held for name, held in own.items() if held is not None}
    try:
        value = orjson.dumps({**given, **(metadata or {})})
    except orjson.JSONEncodeError as error:
        raise ValueError(f"the event cannot be written as JSON: {error}") from error
    try:
        read_behaviour(value, FIRST_MS)
    except RecordError as error:
        raise ValueError(f"the event would be refused: {error.detail}") from None
    return value


def _event_time(time_ms: int | None, timestamp_ms: int) -> int:
    told = timestamp_ms if time_ms is None else time_ms
    if FIRST_MS <= told < LAST_MS:
        return told
    where = "the record's timestamp" if time_ms is None else "`time_ms`"
    hint = next(
        (f"; it looks like {unit}" for scale, unit in _UNITS if FIRST_MS <= told * scale < LAST_MS),
        "",
    )
    raise RecordError(
        Reason.BAD_ENVELOPE,
        f"{where} is not in the years 1990 to 2100: it must be milliseconds since 1970 (UTC){hint}",
    )
