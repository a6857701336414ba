"""Features of behaviour: how a user moves, pauses and acts, beside what that user did before.

Of every user a `Track` is kept: a small immutable record of the latest events. `follow` gives
an event's features and the track behind it, so a block can be followed on tracks of its own
while those of the state stay as they are. Times are event times; users are kept up to a number
of them, the one longest silent going first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from math import asin, atan2, cos, degrees, pi, radians, sin, sqrt
from typing import Any, NamedTuple

import numpy as np

from aimass_stream.learner import Event
from aimass_stream.learners.features import Column, Floats, Row
from aimass_stream.records.behaviour import Action, read_behaviour

COLUMNS = (
    Column("speed", "m/s", heavy=True),
    Column("turn", "degrees"),
    Column("dwell", "s", heavy=True),
    Column("distance from the usual centre", "km", heavy=True),
    Column("time since the last event", "s", heavy=True),
    Column("events in a minute", heavy=True),
    Column("new item"),
    Column("purchases in ten minutes", heavy=True),
    Column("hour of day (sine)", spoken=False),
    Column("hour of day (cosine)", spoken=False),
    Column("views", spoken=False, flag=True),
    Column("clicks", spoken=False, flag=True),
    Column("purchases", spoken=False, flag=True),
    Column("positions", spoken=False, flag=True),
)
"""Speed, turn, dwell and distance are of positions, novelty and purchases in ten minutes of views,
clicks and purchases."""

KINDS = ("view", "click", "buy", "position")

_EARTH_M = 6_371_008.8
_DAY_MS = 86_400_000
_MINUTE_MS = 60_000
_TEN_MINUTES_MS = 600_000
_PLACE_M = 100.0
_TURN_M = 5.0
_CENTRE_POSITIONS = 200
_KEPT_TIMES = 32
_KEPT_ITEMS = 32


class Place(NamedTuple):
    """A position: degrees, and milliseconds since the epoch."""

    lat: float
    lon: float
    time_ms: int


class Track(NamedTuple):
    """What is kept of a user.

    Attributes:
        last_ms: time of the latest event.
        at: the latest position.
        heading: degrees, of the latest move that was long enough to have one.
        stay: where and since when the user has been within 100 m.
        centre: latitude and longitude of the mean of positions, older ones fading.
        positions: how many the centre is of, up to a limit.
        times_ms: of the latest events, oldest first.
        items: latest items, each once, oldest first.
        buys_ms: times of the latest purchases, oldest first.
    """

    last_ms: int = -1
    at: Place | None = None
    heading: float | None = None
    stay: Place | None = None
    centre: tuple[float, float] | None = None
    positions: int = 0
    times_ms: tuple[int, ...] = ()
    items: tuple[str, ...] = ()
    buys_ms: tuple[int, ...] = ()


_NEW = Track()


def follow(track: Track, event: Action, time_ms: int) -> tuple[list[float], Track]:
    """Features of a user's next event, as in `COLUMNS`, and the track behind it.

    Where there is nothing to measure yet a feature is NaN.
    """
    nan = float("nan")
    times = (*track.times_ms, time_ms)[-_KEPT_TIMES:]
    day = 2 * pi * (time_ms % _DAY_MS) / _DAY_MS
    moves, moved = _follow_position(track, event, time_ms)
    novelty, items = _follow_item(track, event)
    buys = track.buys_ms
    if event.kind == "buy":
        buys = (*buys, time_ms)[-_KEPT_TIMES:]
    bought = sum(1 for then in buys if then > time_ms - _TEN_MINUTES_MS)
    features = [
        *moves,
        max(time_ms - track.last_ms, 0) / 1000 if track.last_ms >= 0 else nan,
        float(sum(1 for then in times if then > time_ms - _MINUTE_MS)),
        novelty,
        nan if event.item is None else float(bought),
        sin(day),
        cos(day),
        *(float(event.kind == kind) for kind in KINDS),
    ]
    # Late events do not turn a user's time back.
    return features, moved._replace(
        last_ms=max(time_ms, track.last_ms), times_ms=times, items=items, buys_ms=buys
    )


def _follow_item(track: Track, event: Action) -> tuple[float, tuple[str, ...]]:
    item = event.item
    if item is None:
        return float("nan"), track.items
    known = item in track.items
    others = tuple(kept for kept in track.items if kept != item) if known else track.items
    return (float(not known) if track.items else float("nan")), (*others, item)[-_KEPT_ITEMS:]


def _follow_position(
    track: Track, event: Action, time_ms: int
) -> tuple[tuple[float, float, float, float], Track]:
    """Speed m/s, turn in degrees, dwell s, distance from the centre km."""
    nan = float("nan")
    if event.lat is None or event.lon is None:
        return (nan, nan, nan, nan), track
    here = Place(event.lat, event.lon, time_ms)
    if track.at is None or track.stay is None or track.centre is None:
        start = track._replace(at=here, stay=here, centre=(here.lat, here.lon), positions=1)
        return (nan, nan, nan, nan), start
    there = track.at
    moved_m = metres(there.lat, there.lon, here.lat, here.lon)
    # Two positions in one second say little about speed.
    speed = moved_m / max((time_ms - there.time_ms) / 1000, 1.0)
    heading = bearing(there, here) if moved_m >= _TURN_M else track.heading
    turn = nan
    if heading is not None and track.heading is not None and moved_m >= _TURN_M:
        turn = abs((heading - track.heading + 180) % 360 - 180)
    near = metres(track.stay.lat, track.stay.lon, here.lat, here.lon) <= _PLACE_M
    dwell = max(time_ms - track.stay.time_ms, 0) / 1000
    away_km = metres(*track.centre, here.lat, here.lon) / 1000
    positions = min(track.positions + 1, _CENTRE_POSITIONS)
    moved = track._replace(
        at=here,
        heading=heading,
        stay=track.stay if near else here,
        centre=towards(track.centre, here, 1 / positions),
        positions=positions,
    )
    return (speed, turn, dwell if near else 0.0, away_km), moved


def metres(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Great-circle distance in metres between positions in degrees, by the haversine formula."""
    north, other_north = radians(lat), radians(other_lat)
    half_lat, half_lon = (other_north - north) / 2, radians(other_lon - lon) / 2
    chord = sin(half_lat) ** 2 + cos(north) * cos(other_north) * sin(half_lon) ** 2
    return 2 * _EARTH_M * asin(min(1.0, sqrt(chord)))


def bearing(start: Place, end: Place) -> float:
    """Direction from start to end, degrees from north, -180 to 180."""
    north, other_north = radians(start.lat), radians(end.lat)
    east = radians(end.lon - start.lon)
    return degrees(
        atan2(
            sin(east) * cos(other_north),
            cos(north) * sin(other_north) - sin(north) * cos(other_north) * cos(east),
        )
    )


def towards(centre: tuple[float, float], here: Place, share: float) -> tuple[float, float]:
    """A centre in degrees moved by a share of the way to a position."""
    lat, lon = centre
    # The short way round, also across the date line.
    east = (here.lon - lon + 180) % 360 - 180
    return lat + share * (here.lat - lat), (lon + share * east + 180) % 360 - 180


class BehaviourFeatures:
    """Features of behaviour events; alarms rest by user.

    Args:
        users: how many are remembered.
    """

    columns = COLUMNS

    def __init__(self, users: int) -> None:
        self._users = users
        self._tracks: OrderedDict[str, Track] = OrderedDict()

    def read(self, event: Event) -> Row[Action]:
        """A behaviour event.

        Raises:
            RecordError: it is none.
        """
        behaviour = read_behaviour(event.value, event.timestamp_ms)
        return Row(behaviour.user, behaviour)

    def ahead(self) -> dict[str, Track]:
        """Tracks of users who have events in the block: of none."""
        return {}

    def look(self, rows: Sequence[Row[Action]], ahead: dict[str, Track]) -> Floats:
        """Features in the units of `COLUMNS`."""
        numbers = np.empty((len(rows), len(COLUMNS)))
        for i, (user, event) in enumerate(rows):
            # Out and in again, so that users stand in the order of their latest event.
            track = ahead.pop(user, None) or self._tracks.get(user, _NEW)
            numbers[i], ahead[user] = follow(track, event, event.time_ms)
        return numbers

    def remember(self, ahead: dict[str, Track]) -> None:
        """Keep the tracks behind a block."""
        for user, track in ahead.items():
            self._tracks[user] = track
            self._tracks.move_to_end(user)
        while len(self._tracks) > self._users:
            self._tracks.popitem(last=False)

    def snapshot(self) -> dict[str, Any]:
        """Every user's track."""
        return {"tracks": [[user, *plain_track(track)] for user, track in self._tracks.items()]}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Have the tracks that were laid down."""
        self._tracks = OrderedDict((user, track_of(rest)) for user, *rest in data["tracks"])


def plain_track(track: Track) -> list[Any]:
    """A track as a snapshot's data."""
    return [list(value) if isinstance(value, tuple) else value for value in track]


def track_of(plain: Sequence[Any]) -> Track:
    """The track that was laid down."""
    last_ms, at, heading, stay, centre, positions, times_ms, items, buys_ms = plain
    return Track(
        last_ms,
        Place(*at) if at else None,
        heading,
        Place(*stay) if stay else None,
        (centre[0], centre[1]) if centre else None,
        positions,
        tuple(times_ms),
        tuple(items),
        tuple(buys_ms),
    )
