"""What is fuzzed: every codec and every parser of a record, and what must hold whatever comes.

A target takes any bytes. It may refuse them with a `RecordError`; anything else it raises is a
finding, and so is a result that is out of bounds, or another the second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from aimass_stream.codecs.audio import decode_audio
from aimass_stream.codecs.clips import decode_clip
from aimass_stream.codecs.images import decode_image
from aimass_stream.codecs.text import decode_text, estimate_tokens
from aimass_stream.errors import RecordError
from aimass_stream.records import Audio, Clip, Image, Limits, Record, Text, read_behaviour
from aimass_stream.records.behaviour import FIRST_MS, LAST_MS, encode_behaviour
from aimass_stream.records.feedback import encode_feedback, read_feedback
from aimass_stream.records.text import encode_text
from tests.bad_input import (
    test_audio,
    test_behaviour,
    test_envelopes,
    test_images,
    test_json,
    test_texts,
)
from tests.bad_input.cases import Case, Headers
from tests.codecs import audio_files, clip_files, image_files

SEED_BYTES = 32 * 1024
NOW_MS = 1_750_000_000_000
RATE_HZ = 16_000
LIMITS = Limits(
    payload_bytes=200_000, image_pixels=250_000, audio_seconds=4, event_bytes=8192, text_bytes=8192
)
DECLARED: tuple[Headers, ...] = (
    (),
    (("content-type", b"text/plain"),),
    (("content-type", b"application/json"),),
    (("content-type", b"application/octet-stream"), ("meta-user", b"\xff")),
)


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to fuzz.

    Attributes:
        run: takes any bytes.
        seeds: builds inputs to begin with: the catalogue's, and whole ones.
    """

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]


def values_of(*catalogues: list[Case]) -> Iterator[bytes]:
    """The values of cases, as far as they are small."""
    for case in (case for catalogue in catalogues for case in catalogue):
        value = case.make()
        if value and len(value) <= SEED_BYTES:
            yield value


def run_image(data: bytes) -> None:
    """A PNG with right checksums: changed bytes would not get past them."""
    if data.startswith(test_images.PNG_MAGIC):
        data = image_files.with_checksums(data)
    with suppress(RecordError):
        found = decode_image(data, LIMITS)
        assert found.dtype == np.uint8
        assert found.shape[2:] == (3,)
        assert 0 < found.size <= 3 * LIMITS.image_pixels
        assert np.array_equal(found, decode_image(memoryview(data), LIMITS))


def run_clip(data: bytes) -> None:
    """A GIF or WebP file of few pixels."""
    with suppress(RecordError):
        found = decode_clip(data, LIMITS, 3)
        assert found.dtype == np.uint8
        assert found.shape[0] == 3
        assert 0 < found.size <= 9 * LIMITS.image_pixels


def run_audio(data: bytes) -> None:
    """An Ogg file with right checksums: changed bytes would not get past them."""
    if data.startswith(b"OggS"):
        data = audio_files.with_checksums(data)
    with suppress(RecordError):
        found = decode_audio(data, LIMITS, RATE_HZ)
        assert found.dtype == np.float32
        assert 0 < len(found) <= LIMITS.audio_seconds * RATE_HZ + 1
        assert np.abs(found).max() <= 1
        assert np.array_equal(found, decode_audio(memoryview(data), LIMITS, RATE_HZ))


def run_text(data: bytes) -> None:
    """The first byte says what is declared."""
    headers, value = declared(data)
    with suppress(RecordError):
        record = checked(Text, value, headers)
        assert isinstance(record, Text)
        assert 0 < len(record.bytes) <= LIMITS.text_bytes
        written, its_headers = encode_text(record.text)
        assert checked(Text, written, tuple(its_headers)).bytes == record.bytes
        assert estimate_tokens(record.bytes) >= 2
        assert len(decode_text(record.bytes, LIMITS)) == len(record.text)


def run_event(data: bytes) -> None:
    """The same bytes as a behaviour event and as feedback."""
    with suppress(RecordError):
        action = read_behaviour(data, NOW_MS, LIMITS)
        assert FIRST_MS <= action.time_ms < LAST_MS
        assert read_behaviour(encode_behaviour(action), 0) == action
    with suppress(RecordError):
        found = read_feedback(data, LIMITS)
        assert read_feedback(encode_feedback(found.record, found.label)) == found


def run_envelope(data: bytes) -> None:
    """The first byte says what is declared."""
    headers, value = declared(data)
    for kind in (Image, Audio, Clip):
        with suppress(RecordError):
            record = checked(kind, value, headers)
            assert isinstance(record, Image | Audio | Clip)
            assert isinstance(record.metadata, dict)
            assert record.claim or 0 < len(record.bytes) <= LIMITS.payload_bytes


def checked(kind: type[Record], value: bytes, headers: Headers) -> Record:
    record = kind("topic", 0, 7, NOW_MS, b"key", value, headers)
    record.check(LIMITS)
    return record


def declared(data: bytes) -> tuple[Headers, bytes]:
    return DECLARED[data[0] % len(DECLARED)] if data else (), data[1:]


def with_declarations(values: Iterable[bytes]) -> Iterator[bytes]:
    for value in values:
        for number in range(len(DECLARED)):
            yield bytes([number]) + value


def image_seeds() -> Iterator[bytes]:
    picture = image_files.pixels()
    yield from values_of(test_images.CASES)
    yield image_files.encoded(picture, "JPEG", progressive=True)
    yield image_files.encoded(picture, "PNG")


def clip_seeds() -> Iterator[bytes]:
    for kind in ("GIF", "WEBP"):
        yield clip_files.clip(3, 9, 7, 0, kind)


def audio_seeds() -> Iterator[bytes]:
    yield from values_of(test_audio.CASES)
    sound = audio_files.tone(0.05, channels=2)
    for kind, encoding in (("WAV", "FLOAT"), ("RF64", "ULAW"), ("FLAC", "PCM_16"), ("OGG", "OPUS")):
        yield audio_files.encoded(sound, kind, encoding)


TARGETS = {
    "images": Target(run_image, image_seeds),
    "clips": Target(run_clip, clip_seeds),
    "audio": Target(run_audio, audio_seeds),
    "texts": Target(run_text, lambda: with_declarations(values_of(test_texts.CASES))),
    "events": Target(
        run_event,
        lambda: values_of(
            test_behaviour.CASES, test_json.CASES, test_json.cases_of(test_json.KINDS[4])
        ),
    ),
    "envelopes": Target(
        run_envelope,
        lambda: with_declarations(
            values_of(test_envelopes.CASES, test_json.cases_of(test_json.KINDS[0]))
        ),
    ),
}
