"""The catalogue for the JSON form of a file: base64 that is none, and claims that cannot hold."""

from __future__ import annotations

import base64
from functools import partial

import orjson
import pytest

from aimass_stream.errors import Reason
from aimass_stream.records import Image, Limits
from aimass_stream.records.envelope import METADATA_BYTES, METADATA_VALUES
from tests.bad_input.cases import Case, Headers, assert_outcome, names
from tests.codecs.image_files import encoded, pixels

LIMITS = Limits(payload_bytes=200_000)
PICTURE = encoded(pixels(), "PNG")
B64 = base64.b64encode(PICTURE).decode()
CLAIM = {"uri": "file:///data/cat.jpg", "sha256": "a" * 64, "size": 10, "type": "image/png"}


def read(value: bytes | None, headers: Headers) -> Image:
    """As the worker does."""
    record = Image("images", 0, 7, 0, b"key", value, headers)
    record.check(LIMITS)
    return record


def file(**fields: object) -> bytes:
    return orjson.dumps({"data": B64, **fields})


def claim(**fields: object) -> bytes:
    return orjson.dumps({**CLAIM, **fields})


def refused(name: str, value: bytes, reason: Reason = Reason.BAD_ENVELOPE) -> Case:
    return Case(name, lambda: value, reason)


def holds_picture(found: Image) -> bool:
    return found.bytes == PICTURE


CASES = [
    refused("no base64", file(data="@@@@")),
    refused("base64 without its padding", file(data=B64[:-3])),
    refused("base64 with a line break", file(data=B64[:8] + "\n" + B64[8:])),
    refused("base64 of no file", file(data=base64.b64encode(b"....").decode())),
    refused("empty data", file(data=""), Reason.EMPTY),
    refused("base64 beyond the limit", file(data="A" * 266_672), Reason.TOO_LARGE),
    refused("unfinished base64 beyond the limit", b'{"data":"' + b"A" * 400_000, Reason.TOO_LARGE),
    refused("metadata of 64 KiB", file(note="n" * METADATA_BYTES), Reason.TOO_LARGE),
    Case(
        "4,096 fields in a large envelope",
        lambda: file(**{f"key{number}": "v" * 10 for number in range(METADATA_VALUES)}),
        Reason.TOO_LARGE,
    ),
    refused("type is a number", file(type=3)),
    refused("type of another file", file(type="image/jpeg"), Reason.TYPE_MISMATCH),
    refused("data and a claim", file(**CLAIM)),
    Case("escaped slashes", lambda: file().replace(b"/", b"\\/"), "read", holds=holds_picture),
    refused("half a claim", orjson.dumps({"uri": CLAIM["uri"]})),
    refused("claim of 0 bytes", claim(size=0), Reason.EMPTY),
    refused("claim of -1 bytes", claim(size=-1)),
    refused("claim of 1.5 bytes", claim(size=1.5)),
    refused("claim of 1 GB", claim(size=10**9), Reason.TOO_LARGE),
    refused("claim of a GIF", claim(type="image/gif"), Reason.TYPE_MISMATCH),
    refused("checksum of 63 digits", claim(sha256="a" * 63)),
    refused("checksum and a line break", claim(sha256="a" * 64 + "\n")),
    refused("address of nothing", claim(uri="")),
    refused("address with a line break", claim(uri="file:///a\n")),
    refused("address of 3,000 characters", claim(uri="f" * 3_000)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=names(CASES))
def test_an_envelope_meets_its_fate(case: Case) -> None:
    assert_outcome(case, read)


@pytest.mark.parametrize("case", [case for case in CASES if case.is_refused], ids=lambda c: c.name)
def test_a_content_type_changes_nothing(case: Case) -> None:
    headers = (("content-type", b"application/json"),)
    assert_outcome(case, partial(with_headers, headers))


def with_headers(given: Headers, value: bytes | None, headers: Headers) -> Image:
    return read(value, given + headers)
