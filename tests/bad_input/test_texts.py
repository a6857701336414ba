"""The catalogue for texts: from the record to what a tokenizer is given."""

from __future__ import annotations

import time
import unicodedata
from functools import partial

import orjson
import pytest

from aimass_stream.codecs.text import decode_text
from aimass_stream.errors import Reason
from aimass_stream.records import Limits, Text
from tests.bad_input.cases import Case, Headers, assert_outcome, names

LIMITS = Limits()
JSON = (("content-type", b"application/json"),)
PLAIN = (("content-type", b"text/plain"),)
LATIN = (("content-type", b"text/plain; charset=latin-1"),)
KEPT = "kept as it is"
MARK = "\N{COMBINING ACUTE ACCENT}"


def read(value: bytes | None, headers: Headers) -> str:
    """As the worker and then the device process do."""
    record = Text("texts", 0, 7, 0, b"key", value, headers)
    record.check(LIMITS)
    return decode_text(record.bytes, LIMITS)


def equals(expected: str, found: str) -> bool:
    return found == expected


def refused(name: str, value: bytes, reason: Reason, headers: Headers = ()) -> Case:
    return Case(name, lambda: value, reason, headers)


def kept(name: str, text: str) -> Case:
    return Case(name, text.encode, KEPT, PLAIN, holds=partial(equals, text))


def raw(name: str, value: bytes, how: str, text: str, headers: Headers = ()) -> Case:
    return Case(name, lambda: value, how, headers, holds=partial(equals, text))


CASES = [
    # -- nothing to read
    refused("white space", b" \t\r\n\xe3\x80\x80", Reason.EMPTY),
    refused("control characters alone", b"\0\x01\x7f", Reason.EMPTY),
    refused("zero-width characters alone", "\u200b\u200d\ufeff".encode(), Reason.EMPTY),
    refused("empty text in JSON", b'{"text": ""}', Reason.EMPTY),
    refused("blank text in JSON", b'{"text": "\\u0000 "}', Reason.EMPTY),
    # -- more than a record may cost; by bytes, before anything is decoded
    Case("10 MB string", lambda: b"x y " * 2_500_000, Reason.TOO_LARGE),
    Case("a x 1e7", lambda: b"a" * 10_000_000, Reason.TOO_LARGE),
    Case("10 MB of JSON", lambda: b'{"text":"' + b"a" * 10_000_000, Reason.TOO_LARGE),
    Case("1e5 combining marks", lambda: b"e" + MARK.encode() * 100_000, Reason.TOO_LARGE),
    Case("65,537 bytes", lambda: b"a" * 65_537, Reason.TOO_LARGE),
    Case("65,537 bytes in JSON", lambda: orjson.dumps({"text": "a" * 65_537}), Reason.TOO_LARGE),
    # -- not UTF-8
    refused("Latin-1", b"caf\xe9", Reason.UNDECODABLE),
    refused("UTF-16", "hi".encode("utf-16"), Reason.UNDECODABLE),
    refused("surrogate in UTF-8", b"\xed\xa0\x80", Reason.UNDECODABLE),
    refused("overlong UTF-8", b"\xc0\xaf", Reason.UNDECODABLE),
    refused("a picture", b"\x89PNG\r\n\x1a\n", Reason.UNDECODABLE),
    refused("Latin-1 in JSON", b'{"text": "caf\xe9"}', Reason.BAD_ENVELOPE),
    refused("lone surrogate in JSON", b'{"text": "a\\ud800"}', Reason.BAD_ENVELOPE),
    refused("declared Latin-1", b"hi", Reason.TYPE_MISMATCH, LATIN),
    # -- not the form it seems
    refused("text declared as JSON", b"hi", Reason.BAD_ENVELOPE, JSON),
    refused("an open brace, undeclared", b"{hello}", Reason.BAD_ENVELOPE),
    raw("an open brace, declared a text", b"{hello}", KEPT, "{hello}", PLAIN),
    refused("JSON without a text", b"{}", Reason.BAD_ENVELOPE),
    refused("text is null", b'{"text": null}', Reason.BAD_ENVELOPE),
    refused("text is a list", b'{"text": ["a"]}', Reason.BAD_ENVELOPE),
    # -- unusual, but text
    raw("NUL", b"a\0b", "a space", "a b"),
    raw("escape sequence", b"a\x1b[2Jb", "its control character is a space", "a [2Jb"),
    raw("byte order mark", b"\xef\xbb\xbfhi", "left out", "hi"),
    kept("right-to-left override", "\u202eevil\u2066"),
    kept("zero-width characters", "zero\u200bwidth\u200d"),
    kept("composed letters (NFC)", unicodedata.normalize("NFC", "café")),
    kept("decomposed letters (NFD)", unicodedata.normalize("NFD", "café")),
    kept("30,000 combining marks", "e" + MARK * 30_000),
    kept("65,536 bytes", "a" * 65_536),
    kept("repetition", "lorem ipsum " * 5_000),
    kept("unknown language", "ꦲꦏ꧀ꦱꦫ ልሳን ܠܫܢܐ"),
]


@pytest.mark.parametrize("case", CASES, ids=names(CASES))
def test_a_text_meets_its_fate(case: Case) -> None:
    started = time.process_time()
    assert_outcome(case, read)
    assert time.process_time() - started < 1
