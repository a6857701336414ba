"""A text and the manner in which it is to be spoken travel as one payload."""

from __future__ import annotations

from typing import Any

import pytest

from aimass_stream.codecs.spoken import Manner, decode_spoken, encode_spoken
from aimass_stream.errors import Reason, RecordError


@pytest.mark.parametrize(
    ("said", "manner"),
    [
        ({}, Manner()),
        ({"speaker": 2}, Manner(2)),
        ({"speaker": "2", "style": "calm"}, Manner(2, "calm")),
        ({"style": "calm", "text": "other", "channel": "mail"}, Manner(None, "calm")),
        ({"speaker": None}, Manner()),
    ],
)
def test_what_is_said_of_a_text_comes_back(said: dict[str, Any], manner: Manner) -> None:
    text = "Grüße, 你好".encode()
    assert decode_spoken(encode_spoken(text, said)) == (text, manner)


def test_a_text_cannot_pass_for_a_manner() -> None:
    text = b'hello\0{"speaker": 7}'
    assert decode_spoken(encode_spoken(text, {})) == (b'hello {"speaker": 7}', Manner())
    found = decode_spoken(encode_spoken(text, {"speaker": 1}))
    assert found == (b'hello {"speaker": 7}', Manner(1))


@pytest.mark.parametrize(
    "said", [{"speaker": "anna"}, {"speaker": 1.5}, {"speaker": [1]}, {"style": 3}, {"style": None}]
)
def test_a_manner_that_is_none_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(RecordError) as caught:
        decode_spoken(encode_spoken(b"hello", said))
    assert caught.value.reason is Reason.BAD_ENVELOPE
