"""The catalogue for behaviour events.

A record is one event, never a list of points: what can be wrong with a whole way (its order, its
length, its speed) has here the event that would be a part of it. Such an event is accepted, and
whoever reads a stream of them, a learner for one, expects it.
"""

from __future__ import annotations

from functools import partial

import orjson
import pytest

from aimass_stream.errors import Reason
from aimass_stream.records import Action, Behaviour, Limits
from aimass_stream.records.behaviour import FIRST_MS, LAST_MS
from tests.bad_input.cases import Case, Headers, assert_outcome, names

LIMITS = Limits()
NOW_MS = 1_750_000_000_000
CLICK = {"user": "u1", "item": "i7", "kind": "click", "time_ms": NOW_MS}
PLACE = {"user": "u1", "kind": "position", "lat": 52.5, "lon": 13.4, "time_ms": NOW_MS}


def read(value: bytes | None, headers: Headers, timestamp_ms: int = NOW_MS) -> Action:
    """As the worker does."""
    record = Behaviour("behaviour", 0, 7, timestamp_ms, b"u1", value, headers)
    record.check(LIMITS)
    return record.action


def click(**fields: object) -> bytes:
    return orjson.dumps({**CLICK, **fields})


def place(**fields: object) -> bytes:
    return orjson.dumps({**PLACE, **fields})


def literal(text: str) -> bytes:
    """A place whose latitude is written so, JSON or not."""
    return place(lat=1).replace(b'"lat":1', b'"lat":' + text.encode())


def without(name: str) -> bytes:
    return orjson.dumps({field: held for field, held in PLACE.items() if field != name})


def refused(name: str, value: bytes) -> Case:
    return Case(name, lambda: value, Reason.BAD_ENVELOPE)


def has(expected: dict[str, object], found: Action) -> bool:
    return {name: getattr(found, name) for name in expected} == expected


def accepted(name: str, value: bytes, how: str = "read", **expected: object) -> Case:
    return Case(name, lambda: value, how, holds=partial(has, expected))


CASES = [
    # -- places
    refused("latitude NaN", literal("NaN")),
    refused("latitude Infinity", literal("-Infinity")),
    refused("latitude 1e999", literal("1e999")),
    refused("latitude of 400 digits", literal("1" + "0" * 400)),
    refused("latitude 90.0001", place(lat=90.0001)),
    refused("latitude -91", place(lat=-91)),
    refused("longitude 181", place(lon=181)),
    refused("longitude 359.9 (0 to 360)", place(lon=359.9)),
    refused("longitude -180.1", place(lon=-180.1)),
    refused("latitude is text", place(lat="52.5")),
    refused("latitude is a truth value", place(lat=True)),
    refused("no latitude", without("lat")),
    refused("no longitude", without("lon")),
    refused("altitude is text", place(altitude_m="high")),
    refused("altitude 1e30", place(altitude_m=1e30)),
    accepted("north pole", place(lat=90, lon=180), lat=90.0, lon=180.0),
    accepted("east of the antimeridian", place(lon=-179.99), lon=-179.99),
    accepted("west of the antimeridian", place(lon=179.99), lon=179.99),
    accepted("place with altitude", place(altitude_m=34.5), altitude_m=34.5),
    accepted("place without altitude", place(altitude_m=None), altitude_m=None),
    # -- ways: what one record cannot hold, and the event that stands for it
    refused("a list of points for an event", orjson.dumps([PLACE, PLACE])),
    refused("lists of coordinates", place(lat=[52.5, 52.6], lon=[13.4, 13.5])),
    Case("1e6 points", lambda: place(points=[[52.5, 13.4]] * 1_000_000), Reason.TOO_LARGE),
    accepted("an event earlier than the one before", place(time_ms=NOW_MS - 5), time_ms=NOW_MS - 5),
    accepted("an event at the same time", place(), time_ms=NOW_MS),
    accepted("an event twice", click(), item="i7"),
    accepted("the other side of the earth a second later", place(lat=-52.5, lon=-166.6), lat=-52.5),
    # -- times
    refused("time in seconds", click(time_ms=NOW_MS // 1_000)),
    refused("time in microseconds", click(time_ms=NOW_MS * 1_000)),
    refused("time in nanoseconds", click(time_ms=NOW_MS * 1_000_000)),
    refused("time 0", click(time_ms=0)),
    refused("negative time", place(time_ms=-1)),
    refused("year 1989", click(time_ms=FIRST_MS - 1)),
    refused("year 2100", click(time_ms=LAST_MS)),
    refused("year 9999", place(time_ms=253_402_300_799_000)),
    refused("time 2^63", click(time_ms=2**63)),
    refused("time is text", click(time_ms="1750000000000")),
    refused("time is a float", click(time_ms=1.75e12)),
    refused("time is a truth value", click(time_ms=True)),
    accepted("no time", click(time_ms=None), "the record's timestamp", time_ms=NOW_MS),
    # -- who and what
    refused("unknown kind", click(kind="purchase")),
    refused("kind in upper case", click(kind="CLICK")),
    refused("kind is a list", click(kind=["click"])),
    refused("no kind", click(kind=None)),
    refused("user is a number", click(user=17)),
    refused("user is empty", click(user="")),
    refused("user of 201 characters", click(user="u" * 201)),
    refused("no user", click(user=None)),
    refused("item is a number", click(item=40601)),
    refused("no item", click(item=None)),
    accepted(
        "fields of the other shape",
        click(lat=999, lon="x"),
        "they are metadata",
        lat=None,
        item="i7",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=names(CASES))
def test_an_event_meets_its_fate(case: Case) -> None:
    assert_outcome(case, read)


@pytest.mark.parametrize("timestamp_ms", [-1, 0, NOW_MS // 1_000, LAST_MS])
def test_a_timestamp_that_stands_for_the_time_is_held_to_the_same(timestamp_ms: int) -> None:
    case = refused("timestamp", click(time_ms=None))
    assert_outcome(case, partial(read, timestamp_ms=timestamp_ms))
