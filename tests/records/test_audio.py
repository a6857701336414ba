"""The audio envelope: what `Audio` accepts; the three forms are those of every payload record."""

from collections.abc import Callable, Iterable

import pytest

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Audio, Claim, Limits
from aimass_stream.records.audio import encode_claim, encode_json, encode_raw, sniff

LIMITS = Limits(payload_bytes=200_000)
WAV = b"RIFF\x24\0\0\0WAVEfmt "
FLAC = b"fLaC\x80\0\0\x22"
OGG = b"OggS\0\x02"
CLAIM = Claim("file:///data/a.wav", "a" * 64, 1234, "audio/wav")


def checked(value: bytes | None, headers: Iterable[tuple[str, bytes]] = ()) -> Audio:
    found = Audio("audio", 0, 7, 0, b"key", value, tuple(headers))
    found.check(LIMITS)
    return found


@pytest.mark.parametrize(
    ("payload", "content_type"),
    [
        (WAV, "audio/wav"),
        (b"RF64" + WAV[4:], "audio/wav"),
        (FLAC, "audio/flac"),
        (OGG, "audio/ogg"),
    ],
)
def test_every_format_comes_back_in_both_forms(payload: bytes, content_type: str) -> None:
    for form in (encode_raw, encode_json):
        audio = checked(*form(payload, {"user": "u1"}))
        assert audio.bytes == payload
        assert audio.content_type == content_type == sniff(payload)
        assert audio.metadata == {"user": "u1"}
        assert audio.claim is None


def test_claim_form_has_its_payload_once_it_is_attached() -> None:
    audio = checked(*encode_claim(CLAIM, {"user": "u1"}))
    assert audio.claim == CLAIM
    audio.attach(WAV)
    assert audio.bytes == WAV
    with pytest.raises(RecordError) as caught:
        audio.attach(OGG)
    assert caught.value.reason is Reason.TYPE_MISMATCH


@pytest.mark.parametrize(
    ("payload", "declared"),
    [
        (WAV, b"audio/x-wav"),
        (WAV, b"AUDIO/WAVE; codecs=1"),
        (WAV, b"application/octet-stream"),
        (FLAC, b"audio/x-flac"),
        (OGG, b"audio/ogg; codecs=opus"),
        (OGG, b"application/ogg"),
    ],
)
def test_declared_type_is_compared_by_what_it_means(payload: bytes, declared: bytes) -> None:
    assert checked(payload, [("content-type", declared)]).bytes == payload


@pytest.mark.parametrize("write", [encode_raw, encode_json])
def test_encoding_refuses_what_would_be_refused_on_the_topic(
    write: Callable[[bytes], object],
) -> None:
    with pytest.raises(ValueError, match="no WAV, FLAC or Ogg"):
        write(b"ID3")
    with pytest.raises(ValueError, match="not audio"):
        encode_claim(Claim("file:///a", "a" * 64, 1, "image/png"))
