"""The audio envelope: what `Audio` accepts; the three forms are those of every payload record."""

import base64
from collections.abc import Callable, Iterable

import orjson
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


@pytest.mark.parametrize(
    ("value", "declared", "reason"),
    [
        pytest.param(None, None, Reason.EMPTY, id="tombstone"),
        pytest.param(b"", None, Reason.EMPTY, id="no bytes"),
        pytest.param(b"\0" * 40, None, Reason.BAD_ENVELOPE, id="wrong magic"),
        pytest.param(b"ID3\x04" + b"\xff" * 90, b"audio/wav", Reason.TYPE_MISMATCH, id="ID3"),
        pytest.param(b"\xff\xfb\x90\x64" * 9, b"audio/wav", Reason.TYPE_MISMATCH, id="MP3"),
        pytest.param(b"FORM\0\0\0\0AIFF", None, Reason.TYPE_MISMATCH, id="AIFF"),
        pytest.param(b"FORM\0\0\0\0AIFC", None, Reason.TYPE_MISMATCH, id="AIFF-C"),
        pytest.param(b"\0\0\0\x20ftypM4A ", None, Reason.TYPE_MISMATCH, id="MP4"),
        pytest.param(b"RIFF\0\0\0\0AVI ", None, Reason.TYPE_MISMATCH, id="AVI"),
        pytest.param(b"RIFX\0\0\0\0WAVE", None, Reason.TYPE_MISMATCH, id="RIFX"),
        pytest.param(b".snd\0\0\0\x18", None, Reason.TYPE_MISMATCH, id="AU"),
        pytest.param(b"\x1a\x45\xdf\xa3", None, Reason.TYPE_MISMATCH, id="WebM"),
        pytest.param(WAV, b"audio/flac", Reason.TYPE_MISMATCH, id="WAV as FLAC"),
        pytest.param(WAV, b"audio/mpeg", Reason.TYPE_MISMATCH, id="WAV as MP3"),
        pytest.param(WAV, b"\xff\xfe", Reason.TYPE_MISMATCH, id="header not UTF-8"),
        pytest.param(WAV + b"\0" * 200_000, None, Reason.TOO_LARGE, id="too large"),
        pytest.param(
            orjson.dumps({"data": base64.b64encode(WAV).decode(), "type": "audio/ogg"}),
            None,
            Reason.TYPE_MISMATCH,
            id="WAV as Ogg in JSON",
        ),
    ],
)
def test_value_that_is_no_audio_is_refused(
    value: bytes | None, declared: bytes | None, reason: Reason
) -> None:
    with pytest.raises(RecordError) as caught:
        checked(value, [] if declared is None else [("content-type", declared)])
    assert caught.value.reason is reason
    assert "\n" not in caught.value.detail


@pytest.mark.parametrize("write", [encode_raw, encode_json])
def test_encoding_refuses_what_would_be_refused_on_the_topic(
    write: Callable[[bytes], object],
) -> None:
    with pytest.raises(ValueError, match="no WAV, FLAC or Ogg"):
        write(b"ID3")
    with pytest.raises(ValueError, match="not audio"):
        encode_claim(Claim("file:///a", "a" * 64, 1, "image/png"))
