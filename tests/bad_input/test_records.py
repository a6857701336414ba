"""The catalogue for any record, whatever it carries: value, key, headers and declared type."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
import pytest

from aimass_stream.errors import Reason
from aimass_stream.records import Audio, Behaviour, FeedbackRecord, Image, Limits, Record, Text
from tests.bad_input.cases import Case, Headers, Read, assert_outcome
from tests.bad_input.test_behaviour import click
from tests.codecs.audio_files import tone, wav
from tests.codecs.image_files import encoded, pixels

LIMITS = Limits()
NOW_MS = 1_750_000_000_000
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of record and a good value of it, with a type that may be declared and one not."""

    type: type[Record]
    good: bytes
    declared: bytes
    mismatch: bytes


PICTURE = encoded(pixels(), "PNG")
SOUND = wav((tone() * 9999).astype("<i2").tobytes())
LABEL = orjson.dumps({"record": "texts/0/17", "label": "refund"})
KINDS = [
    Kind(Image, PICTURE, b"IMAGE/PNG; charset=binary", b"image/jpeg"),
    Kind(Audio, SOUND, b"audio/x-wav", b"audio/flac"),
    Kind(Text, b"hi", b'text/plain; charset="UTF-8"', b"image/png"),
    Kind(Behaviour, click(), b"application/json; charset=utf-8", b"image/png"),
    Kind(FeedbackRecord, LABEL, b"application/x+json", b"text/html"),
]


def read(kind: Kind, key: bytes | None, value: bytes | None, headers: Headers) -> Record:
    """As the worker does."""
    record = kind.type("topic", 0, 7, NOW_MS, key, value, headers)
    record.check(LIMITS)
    return record


def has_metadata(expected: dict[str, Any], found: Record) -> bool:
    return getattr(found, "metadata", expected) == expected


def cases_of(kind: Kind) -> list[Case]:
    """The table for one kind of record."""

    def good() -> bytes:
        return kind.good

    def declared(content_type: bytes) -> Headers:
        return (("content-type", content_type),)

    return [
        Case("0 bytes", lambda: b"", Reason.EMPTY),
        # What a learner or a test reads without an engine; the engine skips it before.
        Case("null value, read by hand", lambda: None, Reason.EMPTY),
        Case("50 MB", lambda: kind.good + b" " * (50 * MEGABYTE), Reason.TOO_LARGE),
        Case("another type declared", good, Reason.TYPE_MISMATCH, declared(kind.mismatch)),
        Case("junk declared", good, Reason.TYPE_MISMATCH, declared(b"\xff\xfe")),
        Case("its type declared in other words", good, "read", declared(kind.declared)),
        Case("no type declared", good, "read", declared(b"application/octet-stream")),
        Case("an empty type declared", good, "read", declared(b"")),
        Case("unknown header", good, "passed over", (("x-trace", b"1"), ("", b""))),
        Case(
            "metadata header that is not UTF-8",
            good,
            "its bytes are replaced",
            (("meta-user", b"\xffa"),),
            holds=partial(has_metadata, {"user": "\N{REPLACEMENT CHARACTER}a"}),
        ),
    ]  # fmt: skip


CASES = cases_of(KINDS[0])
"""One of the kinds, for the documents."""


def reader(kind: Kind, key: bytes | None) -> Read:
    return partial(read, kind, key)


@pytest.mark.parametrize("row", range(len(CASES)), ids=[case.name for case in CASES])
@pytest.mark.parametrize("kind", KINDS, ids=[kind.type.__name__ for kind in KINDS])
def test_a_record_meets_its_fate(kind: Kind, row: int) -> None:
    assert_outcome(cases_of(kind)[row], reader(kind, b"key"))


@pytest.mark.parametrize("key", [None, b"", b"\xff\xfe", bytes(100_000)])
@pytest.mark.parametrize("kind", KINDS, ids=[kind.type.__name__ for kind in KINDS])
def test_the_key_is_nobodys_business(kind: Kind, key: bytes | None) -> None:
    assert read(kind, key, kind.good, ()).key == key
