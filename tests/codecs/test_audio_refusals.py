"""Bad audio: every kind of it is refused with its reason, and costs neither time nor memory."""

import io
import struct
import time
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimass_stream.codecs.audio import decode_audio
from aimass_stream.codecs.audio_headers import MAX_PARTS
from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Limits
from tests.codecs.audio_files import (
    chunk,
    encoded,
    refusal,
    riff,
    set_flac_frames,
    tone,
    wav,
)

RATE = 16_000
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def pages(payload: bytes) -> list[bytes]:
    starts = [at for at in range(len(payload)) if payload.startswith(b"OggS", at)]
    return [payload[at:end] for at, end in zip(starts, [*starts[1:], None], strict=True)]


def with_bits(payload: bytes, at: int, mask: int) -> bytes:
    return payload[:at] + bytes([payload[at] ^ mask]) + payload[at + 1 :]


NAN = np.array([0.1, np.nan, 0.3], np.float32)
INF = np.array([0.1, -np.inf, 0.3], np.float32)
GUID = bytes.fromhex("000000001000800000aa00389b71")
EXTENSIBLE = struct.pack("<HHIH", 22, 16, 0, 1)
FLAC = encoded(tone(1.0), "FLAC")
VORBIS = encoded(tone(1.0), "OGG", "VORBIS")
OPUS = encoded(tone(1.0), "OGG", "OPUS")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b"", Reason.EMPTY, id="no bytes"),
        pytest.param(wav(b""), Reason.EMPTY, id="WAV of no samples"),
        pytest.param(encoded(tone(0.0), "FLAC"), Reason.EMPTY, id="FLAC of no samples"),
        pytest.param(b"\0" * 100, Reason.TYPE_MISMATCH, id="wrong magic"),
        pytest.param(encoded(tone(), "MP3"), Reason.TYPE_MISMATCH, id="MP3 named WAV"),
        pytest.param(b"ID3\4\0\0\x7f\x7f\x7f\x7f" + bytes(99), Reason.TYPE_MISMATCH, id="ID3 bomb"),
        pytest.param(encoded(tone(), "AIFF"), Reason.TYPE_MISMATCH, id="AIFF"),
        pytest.param(encoded(tone(), "AU"), Reason.TYPE_MISMATCH, id="AU"),
        pytest.param(b"\0\0\0\x20ftypM4A " + bytes(99), Reason.TYPE_MISMATCH, id="MP4"),
        pytest.param(encoded(tone(), "WAV", "IMA_ADPCM"), Reason.TYPE_MISMATCH, id="ADPCM"),
        pytest.param(wav(b"\0" * 99, tag=0x55), Reason.TYPE_MISMATCH, id="MP3 inside WAV"),
        pytest.param(
            wav(b"\0" * 99, tag=0xFFFE, extra=EXTENSIBLE + b"\0" * 14),
            Reason.TYPE_MISMATCH,
            id="unknown GUID",
        ),
        pytest.param(wav(b"\0" * 99, bits=36), Reason.UNDECODABLE, id="36 bits"),
        pytest.param(wav(b"\0" * 99, bits=45), Reason.UNDECODABLE, id="45 bits"),
        pytest.param(wav(b"\0" * 99, bits=53), Reason.UNDECODABLE, id="53 bits"),
        pytest.param(wav(b"\0" * 99, bits=0), Reason.UNDECODABLE, id="no bits"),
        pytest.param(wav(b"\0" * 99, tag=3, bits=16), Reason.UNDECODABLE, id="float of 16 bits"),
        pytest.param(wav(b"\0" * 99, channels=0), Reason.UNDECODABLE, id="no channels"),
        pytest.param(wav(b"\0" * 99, rate_hz=0), Reason.UNDECODABLE, id="no rate"),
        pytest.param(wav(b"\0" * 999, channels=9), Reason.TOO_LARGE, id="9 channels"),
        pytest.param(wav(b"\0" * 9999, channels=65_535, bits=8), Reason.TOO_LARGE, id="65535"),
        pytest.param(wav(b"\0" * 998)[:-1], Reason.UNDECODABLE, id="header larger than file"),
        pytest.param(
            riff(chunk(b"fmt ", wav(b"")[20:36]), b"data\xff\xff\xff\xff" + b"\0" * 99),
            Reason.UNDECODABLE,
            id="WAV of unknown length",
        ),
        pytest.param(wav(b"")[:36], Reason.UNDECODABLE, id="data chunk missing"),
        pytest.param(riff(chunk(b"data", b"\0" * 9)), Reason.UNDECODABLE, id="format missing"),
        pytest.param(riff(), Reason.UNDECODABLE, id="no chunks"),
        pytest.param(riff(chunk(b"fmt ", b"\1\0")), Reason.UNDECODABLE, id="half a format"),
        pytest.param(riff(*[chunk(b"LIST", b"")] * (MAX_PARTS + 1)), Reason.TOO_LARGE, id="chunks"),
        pytest.param(encoded(NAN, "WAV", "FLOAT"), Reason.UNDECODABLE, id="NaN"),
        pytest.param(encoded(INF, "WAV", "FLOAT"), Reason.UNDECODABLE, id="infinite"),
        pytest.param(
            wav(np.full(9, 1e300).tobytes(), tag=3, bits=64), Reason.UNDECODABLE, id="1e300"
        ),
        pytest.param(wav(b"\0" * 700_000), Reason.TOO_LARGE, id="22 s"),
        pytest.param(wav(b"\0" * 5_000_000), Reason.TOO_LARGE, id="bytes"),
        pytest.param(FLAC[:-400], Reason.UNDECODABLE, id="cut FLAC"),
        pytest.param(FLAC[:30], Reason.UNDECODABLE, id="cut FLAC header"),
        pytest.param(FLAC[:42] + b"\x84\xff\xff\xff", Reason.UNDECODABLE, id="cut FLAC block"),
        pytest.param(b"fLaC\x01" + FLAC[5:], Reason.UNDECODABLE, id="FLAC without its information"),
        pytest.param(set_flac_frames(FLAC, 17_000), Reason.UNDECODABLE, id="FLAC frames missing"),
        pytest.param(set_flac_frames(FLAC, 2**36 - 1), Reason.TOO_LARGE, id="FLAC bomb"),
        pytest.param(
            with_bits(FLAC, len(FLAC) // 2, 0x55), Reason.UNDECODABLE, id="FLAC with a changed byte"
        ),
        pytest.param(
            FLAC[:4] + FLAC[4:42].replace(b"\x84", b"\0") + b"\x01\0\0\0" * (MAX_PARTS + 1),
            Reason.TOO_LARGE,
            id="FLAC blocks",
        ),
        pytest.param(VORBIS[:-100], Reason.UNDECODABLE, id="cut Vorbis"),
        pytest.param(OPUS[:-100], Reason.UNDECODABLE, id="cut Opus"),
        pytest.param(b"".join(pages(VORBIS)[:-1]), Reason.UNDECODABLE, id="Ogg without its end"),
        pytest.param(VORBIS + OPUS, Reason.UNDECODABLE, id="two streams"),
        pytest.param(with_bits(VORBIS, 4000, 1), Reason.UNDECODABLE, id="Ogg with a changed bit"),
        pytest.param(
            VORBIS.replace(b"\x01vorbis", b"\x80theora"), Reason.TYPE_MISMATCH, id="video"
        ),
        pytest.param(b"OggS", Reason.UNDECODABLE, id="Ogg magic alone"),
        pytest.param(
            pages(VORBIS)[0] + (VORBIS[:26] + b"\0") * MAX_PARTS, Reason.TOO_LARGE, id="Ogg pages"
        ),
    ],
)
def test_bad_audio_is_refused_with_its_reason(payload: bytes, reason: Reason) -> None:
    assert refusal(payload).reason is reason


def long_silence() -> bytes:
    """Ten minutes of eight channels of silence: some hundred kB of FLAC, 0.9 GB of floats."""
    file = io.BytesIO()
    block = np.zeros((48_000, 8), np.float32)
    with soundfile.SoundFile(file, "w", 48_000, 8, "PCM_16", format="FLAC") as flac:
        for _ in range(60):
            flac.write(block)
    return file.getvalue()


def test_bombs_cost_neither_time_nor_memory() -> None:
    payload = long_silence()
    assert len(payload) < 500_000
    limits = Limits(audio_seconds=120)
    tracemalloc.start()
    started = time.process_time()
    assert refusal(payload, limits).reason is Reason.TOO_LARGE
    assert refusal(set_flac_frames(payload, 0), limits).reason is Reason.TOO_LARGE
    assert len(decode_audio(payload, Limits(), RATE)) == 60 * RATE
    spent_s = time.process_time() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40_000_000
    assert spent_s < 2


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


@UNHURRIED
@given(
    st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"RF64\0\0\0\0WAVEds64", b"fLaC", b"OggS\0\2"]),
    st.binary(max_size=200),
)
def test_any_bytes_decode_or_are_refused(start: bytes, rest: bytes) -> None:
    decodes_or_refuses(start + rest)


@UNHURRIED
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8),
    st.integers(0, 10_000),
)
def test_any_mutation_decodes_or_is_refused(
    seed: bytes, changes: list[tuple[int, int]], end: int
) -> None:
    payload = bytearray(seed)
    for at, value in changes:
        payload[at % len(payload)] = value
    decodes_or_refuses(bytes(payload))
    decodes_or_refuses(bytes(payload[: end % len(payload)]))


@UNHURRIED
@given(st.data())
def test_wav_of_any_format_decodes_or_is_refused(data: st.DataObject) -> None:
    tag = data.draw(st.sampled_from([0, 1, 2, 3, 6, 7, 0x11, 0x55, 0xFFFE]))
    channels, bits = data.draw(st.integers(0, 10)), data.draw(st.integers(0, 70))
    rate_hz = data.draw(st.sampled_from([0, 1, 1_000, 8_000, 44_100, 768_000, 2**32 - 1]))
    extra = data.draw(st.sampled_from([b"", EXTENSIBLE[:6] + b"\0\0" + b"\3\0" + GUID]))
    form = struct.pack(
        "<HHIIHH", tag, channels, rate_hz, 0, channels * -(-bits // 8) & 0xFFFF, bits
    )
    samples = data.draw(st.binary(max_size=400))
    decodes_or_refuses(riff(chunk(b"fmt ", form + extra), chunk(b"data", samples)))
