"""Text for a tokenizer: bounded, in UTF-8, control characters out of the way."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimass_stream.codecs.text import decode_text, estimate_tokens
from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Limits


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("hi\tthere\r\n", "hi\tthere\r\n"),
        ("a\0b\x1b[2Jc\x7f\x85", "a b [2Jc  "),
        ("我\u202e\u200b🙂e\u0301", "我\u202e\u200b🙂e\u0301"),
    ],
)
def test_control_characters_become_spaces_one_for_one(text: str, read: str) -> None:
    found = decode_text(memoryview(text.encode()), Limits())
    assert found == read
    assert len(found) == len(text)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"\0\x01 ", Reason.EMPTY),
        (b"caf\xe9", Reason.UNDECODABLE),
        (b"a" * 101, Reason.TOO_LARGE),
    ],
)
def test_what_is_no_text_is_refused(payload: bytes, reason: Reason) -> None:
    with pytest.raises(RecordError) as caught:
        decode_text(payload, Limits(text_bytes=100))
    assert caught.value.reason is reason


@given(st.binary(max_size=120) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "replace")))
def test_any_bytes_are_read_or_refused_and_reading_again_changes_nothing(payload: bytes) -> None:
    with suppress(RecordError):
        text = decode_text(payload, Limits(text_bytes=100))
        assert len(payload) <= 100
        assert decode_text(text.encode(), Limits(text_bytes=200)) == text


def test_estimate_knows_letters_from_characters() -> None:
    assert estimate_tokens(b"") == 2
    assert estimate_tokens(b"where is my parcel") == pytest.approx(2 + (18 / 4 + 4 * 1.3) / 2)
    assert estimate_tokens(b"word" * 120) > 100
    assert estimate_tokens("我的包裹在哪里".encode()) == 9
    assert 4 < estimate_tokens("привет".encode()) < 7
    assert estimate_tokens(b"\xff\xfe") > 0
