"""The audio decoder: the right samples, or a reason; never anything else, whatever the bytes."""

import io
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from aimass_stream.codecs.audio import decode_audio
from aimass_stream.codecs.audio_headers import read_header
from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Limits
from tests.codecs.audio_files import (
    EXTENSIBLE,
    LIMITS,
    PCM_GUID,
    chunk,
    encoded,
    refusal,
    riff,
    set_flac_frames,
    tone,
    wav,
)
from tests.codecs.mutations import mutations

RATE = 16_000


def opened(payload: bytes) -> np.ndarray:
    """What libsndfile itself makes of a file: `(frames,)`, the mean of its channels."""
    samples, _ = soundfile.read(io.BytesIO(payload), dtype="float32", always_2d=True)
    mono: np.ndarray = samples.mean(axis=1)
    return mono


ACCEPTED = [
    *[("WAV", kind) for kind in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32")],
    *[("WAV", kind) for kind in ("FLOAT", "DOUBLE", "ULAW", "ALAW")],
    *[("WAVEX", kind) for kind in ("PCM_16", "PCM_24", "FLOAT", "ULAW")],
    *[("RF64", kind) for kind in ("PCM_16", "PCM_24", "FLOAT")],
    *[("FLAC", kind) for kind in ("PCM_S8", "PCM_16", "PCM_24")],
    *[("OGG", kind) for kind in ("VORBIS", "OPUS")],
]


@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize(("kind", "encoding"), ACCEPTED)
def test_samples_are_those_libsndfile_gives(kind: str, encoding: str, channels: int) -> None:
    payload = encoded(tone(0.4, channels=channels), kind, encoding)
    found = decode_audio(payload, LIMITS, RATE)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found, opened(payload), atol=1e-6)
    header = read_header(payload)
    assert (header.rate_hz, header.channels, header.frames) == (RATE, channels, 6400)
    assert header.seconds == pytest.approx(0.4)


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
@pytest.mark.parametrize("rate_hz", [1_000, 8_000, 11_025, 44_100, 48_000, 96_000, 655_350])
def test_every_rate_is_resampled(kind: str, rate_hz: int) -> None:
    payload = encoded(tone(1.0, rate_hz, hz=200), kind, rate_hz=rate_hz)
    found = decode_audio(payload, LIMITS, RATE)
    assert abs(len(found) - RATE) <= 1
    inner = slice(2_000, 14_000)
    np.testing.assert_allclose(found[inner], tone(1.0, hz=200)[inner], atol=2e-3)
    whole = soxr.resample(opened(payload), rate_hz, RATE).astype(np.float32)
    np.testing.assert_allclose(found[: len(whole)], whole, atol=1e-6)


def test_the_highest_rate_is_768_khz() -> None:
    found = decode_audio(encoded(tone(0.2, 768_000), rate_hz=768_000), LIMITS, RATE)
    assert len(found) == 3_200
    assert refusal(wav(b"\0" * 999, rate_hz=768_001)).reason is Reason.UNDECODABLE
    assert refusal(wav(b"\0" * 999, rate_hz=999)).reason is Reason.UNDECODABLE


def test_channels_are_averaged_and_constant_sound_is_kept() -> None:
    both = np.stack([np.full(500, 0.5), np.full(500, -0.25)], axis=1).astype(np.float32)
    found = decode_audio(encoded(both), LIMITS, RATE)
    np.testing.assert_allclose(found, np.full(500, 0.125), atol=1e-4)


def test_what_is_louder_than_one_is_clipped() -> None:
    loud = encoded(tone() * 8, "WAV", "FLOAT")
    assert np.abs(decode_audio(loud, LIMITS, RATE)).max() == 1.0
    square = np.sign(tone(hz=97)) * np.float32(0.999)
    found = decode_audio(encoded(square, rate_hz=44_100), LIMITS, RATE)
    assert np.abs(found).max() == 1.0


@pytest.mark.parametrize("bits", [12, 20])
def test_odd_depths_lie_in_whole_bytes(bits: int) -> None:
    stored = -(-bits // 8)
    data = b"".join((value << 8 * stored - 8).to_bytes(stored, "little") for value in (0, 64, 127))
    np.testing.assert_allclose(
        decode_audio(wav(data, bits=bits), LIMITS, RATE), [0, 0.5, 127 / 128]
    )


def test_parts_that_hold_no_samples_are_left_out() -> None:
    form = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    data = chunk(b"data", b"\0\x40" * 300)
    parts = (chunk(b"LIST", b"junk"), chunk(b"bext", b"x" * 601), chunk(b"fmt ", form))
    payload = riff(*parts, data, b"LIST\xff\xff\xff\xff") + b"TAG after the end"
    np.testing.assert_array_equal(decode_audio(payload, LIMITS, RATE), np.full(300, 0.5))
    plain = encoded(tone(), "FLAC")
    picture = struct.pack(">I", 6 << 24 | 70_000) + bytes(70_000)
    payload = plain[:42] + picture + plain[42:]
    assert len(read_header(payload).samples) <= len(plain)
    np.testing.assert_array_equal(decode_audio(payload, LIMITS, RATE), opened(plain))


def test_flac_that_does_not_say_its_length_is_decoded_and_bounded() -> None:
    plain = encoded(tone(2.0), "FLAC")
    payload = set_flac_frames(plain, 0)
    assert read_header(payload).frames == 0
    np.testing.assert_array_equal(decode_audio(payload, LIMITS, RATE), opened(plain))
    assert refusal(payload, Limits(audio_seconds=1.5)).reason is Reason.TOO_LARGE


def test_length_is_bounded_by_the_header_and_by_what_is_decoded() -> None:
    for kind in ("WAV", "FLAC", "OGG"):
        payload = encoded(tone(2.0), kind)
        assert len(decode_audio(payload, Limits(audio_seconds=2.0), RATE)) == 32_000
        assert refusal(payload, Limits(audio_seconds=1.9)).reason is Reason.TOO_LARGE
    short = set_flac_frames(encoded(tone(2.0), "FLAC"), 100)
    with suppress(RecordError):
        assert len(decode_audio(short, LIMITS, RATE)) <= 32_000


def test_memoryview_is_decoded_as_bytes_are() -> None:
    for kind, encoding in ACCEPTED:
        payload = encoded(tone(0.1), kind, encoding)
        view = memoryview(b"xx" + payload)[2:]
        found = decode_audio(view, LIMITS, RATE)
        np.testing.assert_array_equal(found, decode_audio(payload, LIMITS, RATE))


def test_threads_decode_as_one_does() -> None:
    payloads = [encoded(tone(0.3, hz=99 * n), "FLAC" if n % 2 else "OGG") for n in range(1, 9)]
    alone = [decode_audio(payload, LIMITS, 8_000) for payload in payloads]
    gate = threading.Barrier(4)

    def run(_: int) -> list[np.ndarray]:
        gate.wait()
        return [decode_audio(payload, LIMITS, 8_000) for payload in payloads]

    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(run, range(4)):
            for one, other in zip(alone, found, strict=True):
                np.testing.assert_array_equal(one, other)


SMALL = Limits(payload_bytes=100_000, audio_seconds=1)
SEEDS = [
    encoded(tone(0.05), "WAV", "PCM_16"),
    encoded(tone(0.05, channels=2), "WAV", "FLOAT"),
    encoded(tone(0.05), "WAVEX", "PCM_24"),
    encoded(tone(0.05), "RF64", "ULAW"),
    encoded(tone(0.05), "FLAC"),
    encoded(tone(0.05), "OGG", "VORBIS"),
    encoded(tone(0.05), "OGG", "OPUS"),
]


def decodes_or_refuses(payload: bytes) -> None:
    with suppress(RecordError):
        found = decode_audio(payload, SMALL, RATE)
        assert found.dtype == np.float32
        assert found.ndim == 1
        assert 0 < len(found) <= RATE + 1
        assert np.abs(found).max() <= 1
        np.testing.assert_array_equal(found, decode_audio(payload, SMALL, RATE))


@given(
    st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=400),
    st.sampled_from(["WAV", "FLAC", "RF64"]),
)
def test_what_is_written_without_loss_is_read_back(samples: list[int], kind: str) -> None:
    written = np.array(samples, np.int16)
    found = decode_audio(encoded(written, kind, "PCM_16"), SMALL, RATE)
    np.testing.assert_array_equal(found, written / np.float32(32768))


@given(
    st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"RF64\0\0\0\0WAVEds64", b"fLaC", b"OggS\0\2"]),
    st.binary(max_size=200),
)
def test_any_bytes_decode_or_are_refused(start: bytes, rest: bytes) -> None:
    decodes_or_refuses(start + rest)


@given(mutations(SEEDS))
def test_any_mutation_decodes_or_is_refused(mutated: tuple[bytes, bytes]) -> None:
    changed, cut = mutated
    decodes_or_refuses(changed)
    decodes_or_refuses(cut)


@given(st.data())
def test_wav_of_any_format_decodes_or_is_refused(data: st.DataObject) -> None:
    tag = data.draw(st.sampled_from([0, 1, 2, 3, 6, 7, 0x11, 0x55, 0xFFFE]))
    channels, bits = data.draw(st.integers(0, 10)), data.draw(st.integers(0, 70))
    rate_hz = data.draw(st.sampled_from([0, 1, 1_000, 8_000, 44_100, 768_000, 2**32 - 1]))
    extra = data.draw(st.sampled_from([b"", EXTENSIBLE[:6] + b"\0\0" + b"\3\0" + PCM_GUID]))
    form = struct.pack(
        "<HHIIHH", tag, channels, rate_hz, 0, channels * -(-bits // 8) & 0xFFFF, bits
    )
    samples = data.draw(st.binary(max_size=400))
    decodes_or_refuses(riff(chunk(b"fmt ", form + extra), chunk(b"data", samples)))
