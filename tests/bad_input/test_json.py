"""The catalogue for JSON, which every kind of record can be: the same fate for all of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
import pytest

from aimass_stream.errors import Reason
from aimass_stream.records import Audio, Behaviour, FeedbackRecord, Image, Limits, Record, Text
from aimass_stream.records.json_object import JSON_DEPTH
from tests.bad_input.cases import Case, Headers, assert_outcome
from tests.bad_input.test_behaviour import CLICK
from tests.codecs.audio_files import tone, wav
from tests.codecs.image_files import encoded, pixels

LIMITS = Limits()
NOW_MS = 1_750_000_000_000
JSON = (("content-type", b"application/json"),)
CAFE = '"caf\u00e9"'


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of record in its JSON form.

    Attributes:
        field: one that must be a string.
    """

    type: type[Record]
    good: dict[str, Any]
    field: str

    def read(self, value: bytes | None, headers: Headers) -> Record:
        """As the worker does."""
        record = self.type("topic", 0, 7, NOW_MS, b"key", value, headers)
        record.check(LIMITS)
        return record


def data(payload: bytes) -> dict[str, Any]:
    return {"data": base64.b64encode(payload).decode()}


KINDS = [
    Kind(Image, data(encoded(pixels(), "PNG")), "data"),
    Kind(Audio, data(wav((tone() * 9999).astype("<i2").tobytes())), "data"),
    Kind(Text, {"text": "Where is my parcel?"}, "text"),
    Kind(Behaviour, CLICK, "item"),
    Kind(FeedbackRecord, {"record": "texts/0/17", "label": "refund"}, "label"),
]

Spoil = Callable[[Kind], bytes]


def beside(literal: str, kind: Kind) -> bytes:
    """Another field, written so, JSON or not."""
    return orjson.dumps(kind.good)[:-1] + b',"x":' + literal.encode() + b"}"


def behind(rest: bytes, kind: Kind) -> bytes:
    return orjson.dumps(kind.good) + rest


def instead(held: Any, kind: Kind) -> bytes:
    """The record with something else in its own field."""
    return orjson.dumps({**kind.good, kind.field: held})


def surrogate_name(kind: Kind) -> bytes:
    return orjson.dumps(kind.good)[:-1] + b',"\\udfff":1}'


def twice(first: str, kind: Kind) -> bytes:
    """The record's own field written twice; the first is `first`."""
    own = orjson.dumps({kind.field: kind.good[kind.field]})[1:]
    others = {name: held for name, held in kind.good.items() if name != kind.field}
    start = orjson.dumps(others)[:-1] + (b"," if others else b"")
    return start + b'"%s":%s,' % (kind.field.encode(), first.encode()) + own


def twice_wrong_last(kind: Kind) -> bytes:
    return orjson.dumps(kind.good)[:-1] + b',"%s":7}' % kind.field.encode()


def nested(levels: int, kind: Kind) -> bytes:
    """That many levels, the record's own among them."""
    return beside("[" * (levels - 1) + "]" * (levels - 1), kind)


def keys(count: int, kind: Kind) -> bytes:
    return orjson.dumps({**kind.good, **{f"key{number}": 1 for number in range(count)}})


TABLE: list[tuple[str, Spoil, Reason | str]] = [
    ("NaN", partial(beside, "NaN"), Reason.BAD_ENVELOPE),
    ("Infinity", partial(beside, "-Infinity"), Reason.BAD_ENVELOPE),
    ("1e999", partial(beside, "1e999"), Reason.BAD_ENVELOPE),
    ("integer of 400 digits", partial(beside, "1" + "0" * 400), Reason.BAD_ENVELOPE),
    ("integer beyond 64 bits", partial(beside, "1" + "0" * 30), "a float"),
    ("byte order mark", lambda kind: b"\xef\xbb\xbf" + behind(b"", kind), Reason.BAD_ENVELOPE),
    ("UTF-16", lambda kind: json.dumps(kind.good).encode("utf-16"), Reason.BAD_ENVELOPE),
    ("UTF-32", lambda kind: json.dumps(kind.good).encode("utf-32"), Reason.BAD_ENVELOPE),
    ("Latin-1", lambda kind: beside(CAFE, kind).decode().encode("latin-1"), Reason.BAD_ENVELOPE),
    ("lone surrogate", partial(beside, '"\\ud800"'), Reason.BAD_ENVELOPE),
    ("lone surrogate in a name", surrogate_name, Reason.BAD_ENVELOPE),
    ("surrogate pair", partial(beside, '"\\ud83d\\ude00"'), "read"),
    ("NUL in a string", partial(beside, '"\\u0000"'), "read"),
    ("bytes behind the object", partial(behind, b"x"), Reason.BAD_ENVELOPE),
    ("NUL behind the object", partial(behind, b"\0"), Reason.BAD_ENVELOPE),
    ("two objects", lambda kind: behind(behind(b"", kind), kind), Reason.BAD_ENVELOPE),
    ("white space around the object", lambda kind: b" \n" + behind(b"\r\n", kind), "read"),
    ("cut off", lambda kind: behind(b"", kind)[:-1], Reason.BAD_ENVELOPE),
    ("comment", partial(behind, b" // note"), Reason.BAD_ENVELOPE),
    ("single quotes", lambda kind: str(kind.good).encode(), Reason.BAD_ENVELOPE),
    ("a list", lambda kind: orjson.dumps([kind.good]), Reason.BAD_ENVELOPE),
    ("empty object", lambda kind: b"{}", Reason.BAD_ENVELOPE),
    ("64 levels", partial(nested, JSON_DEPTH), "read"),
    ("65 levels", partial(nested, JSON_DEPTH + 1), Reason.BAD_ENVELOPE),
    ("5,000 levels", partial(nested, 5_000), Reason.BAD_ENVELOPE),
    ("3,000 levels left open", lambda kind: b'{"a":' * 3_000, Reason.BAD_ENVELOPE),
    ("1e5 keys", partial(keys, 100_000), Reason.TOO_LARGE),
    ("a name twice", partial(twice, '"first"'), "the last one counts"),
    ("a name twice, a wrong type first", partial(twice, "7"), "the last one counts"),
    ("a name twice, a wrong type last", twice_wrong_last, Reason.BAD_ENVELOPE),
    ("a number for a string", partial(instead, 17), Reason.BAD_ENVELOPE),
    ("null for a string", partial(instead, None), Reason.BAD_ENVELOPE),
    ("a list for a string", partial(instead, ["a"]), Reason.BAD_ENVELOPE),
    ("an object for a string", partial(instead, {"a": 1}), Reason.BAD_ENVELOPE),
    ("a truth value for a string", partial(instead, True), Reason.BAD_ENVELOPE),
]  # fmt: skip


def is_as_good(kind: Kind, found: Record) -> bool:
    """Whether the record's own field is what it is in the good record."""
    good = kind.read(orjson.dumps(kind.good), JSON)
    own = "bytes" if kind.field in {"data", "text"} else kind.field
    return bool(getattr(found, own) == getattr(good, own))


def cases_of(kind: Kind) -> list[Case]:
    """The table for one kind of record."""
    return [
        Case(name, partial(spoil, kind), outcome, JSON, holds=partial(is_as_good, kind))
        for name, spoil, outcome in TABLE
    ]


CASES = cases_of(KINDS[3])
"""One of the kinds, for the documents and the fuzzers."""


@pytest.mark.parametrize("row", range(len(TABLE)), ids=[name for name, _, _ in TABLE])
@pytest.mark.parametrize("kind", KINDS, ids=[kind.type.__name__ for kind in KINDS])
def test_json_meets_its_fate(kind: Kind, row: int) -> None:
    assert_outcome(cases_of(kind)[row], kind.read)


def test_names_are_unique() -> None:
    assert len({name for name, _, _ in TABLE}) == len(TABLE)
