"""The text record: two forms told apart by header or first character, all else refused."""

from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimass_stream.errors import RecordError
from aimass_stream.records import Limits, Text
from aimass_stream.records.text import encode_text

LIMITS = Limits()
JSON = (("content-type", b"application/json"),)
PLAIN = (("content-type", b"text/plain"),)


def record(value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()) -> Text:
    return Text("text", 0, 7, 0, b"key", value, headers)


def checked(value: bytes, headers: tuple[tuple[str, bytes], ...] = ()) -> Text:
    found = record(value, headers)
    found.check(LIMITS)
    return found


def refusal(value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()) -> RecordError:
    with pytest.raises(RecordError) as caught:
        record(value, headers).check(LIMITS)
    assert "\n" not in caught.value.detail
    return caught.value


TEXTS = [
    "Where is my parcel?",
    "我的包裹在哪里？ Order 12 🙂",
    "line\nbreak\ttab",
    '{"not": "JSON"',
    "{curly}",
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_encoded_comes_back(text: str) -> None:
    for metadata in (None, {"user": "u1", "at": {"lat": 50.9}, "n": 3}):
        value, headers = encode_text(text, metadata)
        found = checked(value, tuple(headers))
        assert found.text == text
        assert found.bytes == text.encode()
        assert found.metadata == (metadata or {})
        assert found.claim is None


def test_headers_are_metadata_and_a_field_of_the_same_name_wins() -> None:
    headers = (("meta-user", b"header"), ("meta-bad", b"\xff"), ("other", b"x"))
    assert checked(b"hi", headers).metadata == {"user": "header", "bad": "\ufffd"}
    found = checked(b'{"text": "hi", "user": "json"}', headers)
    assert found.metadata == {"user": "json", "bad": "\ufffd"}


@pytest.mark.parametrize(
    ("value", "headers", "text"),
    [
        (b'{"text": "hi"}', (), "hi"),
        (b' \n{"text": "hi"}', (), "hi"),
        (b'{"text": "hi"}', JSON, "hi"),
        (b'{"text": "hi"}', (("Content-Type", b"Application/JSON; charset=UTF-8"),), "hi"),
        (b'{"text": "hi"}', (("content-type", b"application/octet-stream"),), "hi"),
        (b'{"text": "hi"}', PLAIN, '{"text": "hi"}'),
        (b'["text"]', (), '["text"]'),
        (b'"text"', (), '"text"'),
        (b"hi", (("content-type", b'text/plain; charset="utf-8"'),), "hi"),
        (b'{"text": "a", "text": "b"}', (), "b"),
    ],
)
def test_header_or_else_first_character_decides_the_form(
    value: bytes, headers: tuple[tuple[str, bytes], ...], text: str
) -> None:
    assert checked(value, headers).text == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a\0b\x1bc", id="NUL and control characters"),
        pytest.param("\u202eevil\u2066", id="direction marks"),
        pytest.param("zero\u200bwidth\u200d", id="zero width"),
        pytest.param("e\u0301 \u00e9", id="both normal forms"),
        pytest.param("e" + "\u0301" * 30_000, id="30,000 combining marks"),
        pytest.param("a" * 65_536, id="the limit"),
        pytest.param("\U0001f600" * 16_384, id="the limit in emoji"),
        pytest.param("lorem ipsum " * 5_000, id="repetition"),
        pytest.param("ꦲꦏ꧀ꦱꦫ ልሳን ܠܫܢܐ", id="rare scripts"),
    ],
)
def test_any_text_is_kept_as_it_was_sent(text: str) -> None:
    assert checked(text.encode(), PLAIN).text == text
    assert checked(orjson.dumps({"text": text})).text == text
    escaped = b'{"text": "' + b"".join(b"\\u%04x" % unit for unit in units(text)) + b'"}'
    assert checked(escaped).text == text


def units(text: str) -> list[int]:
    """The UTF-16 code units that an ASCII-only JSON writer escapes."""
    encoded = text.encode("utf-16-be")
    return [int.from_bytes(encoded[at : at + 2]) for at in range(0, len(encoded), 2)]


def test_a_byte_order_mark_is_no_part_of_a_raw_text() -> None:
    assert checked(b"\xef\xbb\xbfhi").text == "hi"


def test_a_refusal_shows_no_text_and_says_what_to_do() -> None:
    for value in (b"{S3CRET", b'{"S3CRET": 1}', b"S3CRET \xff", b'{"text": ["S3CRET"]}'):
        assert "S3CRET" not in refusal(value).detail
    assert "text/plain" in refusal(b"{hello}").detail


def test_what_would_be_refused_is_not_encoded() -> None:
    with pytest.raises(ValueError, match="visible"):
        encode_text(" \0")
    with pytest.raises(ValueError, match="name 'text'"):
        encode_text("a", {"text": "b"})
    with pytest.raises(ValueError, match="surrogates"):
        encode_text("a\ud800")
    with pytest.raises(ValueError, match="JSON"):
        encode_text("a", {"user": object()})


@given(
    st.one_of(st.binary(max_size=99), st.binary(max_size=40).map(lambda end: b'{"text":"' + end)),
    st.sampled_from([(), JSON, PLAIN]),
)
def test_any_bytes_are_accepted_or_refused_and_nothing_else(
    value: bytes, headers: tuple[tuple[str, bytes], ...]
) -> None:
    with suppress(RecordError):
        assert checked(value, headers).bytes


@given(st.text(min_size=1, max_size=200))
def test_any_visible_text_survives(text: str) -> None:
    try:
        value, headers = encode_text(text, {"n": 1})
    except ValueError:
        return
    assert checked(value, tuple(headers)).text == text
