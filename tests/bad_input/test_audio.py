"""The catalogue for audio: from the record to samples, with the limits a model has by itself."""

from __future__ import annotations

import struct
import time
import tracemalloc
from functools import cache, partial

import numpy as np
import pytest
from numpy.typing import NDArray

from aimass_stream.codecs.audio import Samples, decode_audio
from aimass_stream.codecs.audio_headers import MAX_PARTS
from aimass_stream.errors import Reason
from aimass_stream.records import Audio, Limits
from tests.bad_input.cases import Case, Headers, assert_outcome, names
from tests.codecs.audio_files import (
    EXTENSIBLE,
    chunk,
    encoded,
    ogg_pages,
    refusal,
    riff,
    set_flac_frames,
    silent_flac,
    tone,
    wav,
    with_bits,
)

LIMITS = Limits()
RATE = 16_000
WHOLE = b"\xff\xff\xff\xff"


def read(value: bytes | None, headers: Headers) -> Samples:
    """As the worker and then the device process do."""
    record = Audio("audio", 0, 7, 0, b"key", value, headers)
    record.check(LIMITS)
    return decode_audio(record.bytes, LIMITS, RATE)


@cache
def flac() -> bytes:
    return encoded(tone(1.0), "FLAC")


@cache
def vorbis() -> bytes:
    return encoded(tone(1.0), "OGG", "VORBIS")


@cache
def opus() -> bytes:
    return encoded(tone(1.0), "OGG", "OPUS")


def floats(*samples: float) -> bytes:
    return encoded(np.array(samples, np.float32), "WAV", "FLOAT")


def constant() -> bytes:
    return encoded(np.full(500, 0.25, np.float32))


def form() -> bytes:
    """The format chunk of a WAV file."""
    return chunk(b"fmt ", wav(b"")[20:36])


def rf64(told: int, held: int) -> bytes:
    """An RF64 file that claims to hold more than it does."""
    ds64 = struct.pack("<QQQI", told + 72, told, told // 2, 0)
    data = b"data" + WHOLE + bytes(held)
    return riff(chunk(b"ds64", ds64), form(), data, magic=b"RF64")


def flac_of_blocks() -> bytes:
    lead = flac()[:4] + flac()[4:42].replace(b"\x84", b"\0")
    return lead + b"\x01\0\0\0" * (MAX_PARTS + 1)


def id3(size: int, rest: bytes) -> bytes:
    """A file behind an ID3 tag that claims to be so long, in 28 bits."""
    parts = [size >> shift & 0x7F for shift in (21, 14, 7, 0)]
    return b"ID3\4\0\0" + bytes(parts) + rest


def lasts(seconds: float, found: Samples) -> bool:
    return abs(len(found) - seconds * RATE) <= 1


def near(expected: NDArray[np.float32], found: Samples) -> bool:
    """To what 8 bits of u-law keep."""
    return bool(np.allclose(found, expected, atol=2e-2))


def is_tone(found: Samples) -> bool:
    inner = slice(2_000, 6_000)
    return near(tone(0.5)[inner], found[inner])


def at_rate(rate_hz: int) -> Case:
    return Case(
        f"{rate_hz:,} Hz",
        lambda: encoded(tone(0.5, rate_hz), rate_hz=rate_hz),
        "resampled",
        holds=is_tone,
    )


def in_encoding(name: str, kind: str, encoding: str) -> Case:
    return Case(name, lambda: encoded(tone(0.5), kind, encoding), "read", holds=is_tone)


def in_bits(bits: int) -> Case:
    return Case(f"PCM of {bits} bits", lambda: wav(bytes(99), bits=bits), Reason.UNDECODABLE)


CASES = [
    # -- no sound
    Case("WAV of no samples", lambda: wav(b""), Reason.EMPTY),
    Case("FLAC of no samples", lambda: encoded(tone(0.0), "FLAC"), Reason.EMPTY),
    # -- more than a record may cost
    Case(
        "WAV of 601 s by its header",
        lambda: wav(bytes(601_000), rate_hz=1000, bits=8),
        Reason.TOO_LARGE,
    ),
    Case(
        "FLAC that says it lasts a day",
        lambda: set_flac_frames(silent_flac(2, 1000, 1), 86_400_000),
        Reason.TOO_LARGE,
    ),
    Case(
        "FLAC of 601 s that does not say",
        lambda: set_flac_frames(silent_flac(601, 1000, 1), 0),
        Reason.TOO_LARGE,
    ),
    Case("FLAC of 2^36 - 1 frames", lambda: set_flac_frames(flac(), 2**36 - 1), Reason.TOO_LARGE),
    Case("9 channels", lambda: wav(bytes(900), channels=9), Reason.TOO_LARGE),
    Case("65,535 channels", lambda: wav(bytes(9999), channels=65_535, bits=8), Reason.TOO_LARGE),
    Case(
        "WAV of 20,001 chunks",
        lambda: riff(*[chunk(b"LIST", b"")] * (MAX_PARTS + 1)),
        Reason.TOO_LARGE,
    ),
    Case("FLAC of 20,001 blocks", flac_of_blocks, Reason.TOO_LARGE),
    Case(
        "Ogg of 20,001 pages",
        lambda: ogg_pages(vorbis())[0] + (vorbis()[:26] + b"\0") * MAX_PARTS,
        Reason.TOO_LARGE,
    ),
    Case("audio of 21 MB", lambda: wav(bytes(21_000_000)), Reason.TOO_LARGE),
    # -- damaged
    Case("header size > file", lambda: wav(bytes(998))[:-1], Reason.UNDECODABLE),
    Case(
        "WAV of unknown length",
        lambda: riff(form(), b"data" + WHOLE + bytes(99)),
        Reason.UNDECODABLE,
    ),
    Case("RF64 that says 2^62 bytes", lambda: rf64(2**62, 100), Reason.UNDECODABLE),
    Case("data chunk missing", lambda: wav(b"")[:36], Reason.UNDECODABLE),
    Case("format chunk missing", lambda: riff(chunk(b"data", bytes(9))), Reason.UNDECODABLE),
    Case("half a format chunk", lambda: riff(chunk(b"fmt ", b"\1\0")), Reason.UNDECODABLE),
    Case("WAV of no chunks", riff, Reason.UNDECODABLE),
    *[in_bits(bits) for bits in (0, 36, 45, 53)],
    Case("float of 16 bits", lambda: wav(bytes(99), tag=3, bits=16), Reason.UNDECODABLE),
    Case("no channels", lambda: wav(bytes(99), channels=0), Reason.UNDECODABLE),
    Case("no rate", lambda: wav(bytes(99), rate_hz=0), Reason.UNDECODABLE),
    Case("999 Hz", lambda: wav(bytes(999), rate_hz=999), Reason.UNDECODABLE),
    Case("768,001 Hz", lambda: wav(bytes(999), rate_hz=768_001), Reason.UNDECODABLE),
    Case("NaN samples", lambda: floats(0.1, np.nan, 0.3), Reason.UNDECODABLE),
    Case("infinite samples", lambda: floats(0.1, -np.inf, 0.3), Reason.UNDECODABLE),
    Case(
        "samples of 1e300",
        lambda: wav(np.full(9, 1e300).tobytes(), tag=3, bits=64),
        Reason.UNDECODABLE,
    ),
    Case("truncated FLAC", lambda: flac()[:-400], Reason.UNDECODABLE),
    Case("FLAC cut in its header", lambda: flac()[:30], Reason.UNDECODABLE),
    Case(
        "FLAC block longer than the file",
        lambda: flac()[:42] + b"\x84\xff\xff\xff",
        Reason.UNDECODABLE,
    ),
    Case("FLAC without its information", lambda: b"fLaC\x01" + flac()[5:], Reason.UNDECODABLE),
    Case("FLAC with frames missing", lambda: set_flac_frames(flac(), 17_000), Reason.UNDECODABLE),
    Case(
        "FLAC with a changed byte",
        lambda: with_bits(flac(), len(flac()) // 2, 0x55),
        Reason.UNDECODABLE,
    ),
    Case("truncated Vorbis", lambda: vorbis()[:-100], Reason.UNDECODABLE),
    Case("truncated Opus", lambda: opus()[:-100], Reason.UNDECODABLE),
    Case(
        "Ogg without its last page", lambda: b"".join(ogg_pages(vorbis())[:-1]), Reason.UNDECODABLE
    ),
    Case("Ogg of two streams", lambda: vorbis() + opus(), Reason.UNDECODABLE),
    Case("Ogg with a changed bit", lambda: with_bits(vorbis(), 4000, 1), Reason.UNDECODABLE),
    Case("Ogg magic alone", lambda: b"OggS", Reason.UNDECODABLE),
    # -- other formats
    Case(
        "MP3 named .wav",
        lambda: encoded(tone(), "MP3"),
        Reason.TYPE_MISMATCH,
        (("content-type", b"audio/wav"),),
    ),
    Case("ID3 tag of 256 MB", lambda: id3(2**28 - 1, bytes(99)), Reason.TYPE_MISMATCH),
    Case("ID3 tag before a WAV", lambda: id3(0, constant()), Reason.TYPE_MISMATCH),
    Case("MP3 inside WAV", lambda: wav(bytes(99), tag=0x55), Reason.TYPE_MISMATCH),
    Case("ADPCM inside WAV", lambda: encoded(tone(), "WAV", "IMA_ADPCM"), Reason.TYPE_MISMATCH),
    Case(
        "unknown GUID inside WAV",
        lambda: wav(bytes(99), tag=0xFFFE, extra=EXTENSIBLE + bytes(14)),
        Reason.TYPE_MISMATCH,
    ),
    Case(
        "video inside Ogg",
        lambda: vorbis().replace(b"\x01vorbis", b"\x80theora"),
        Reason.TYPE_MISMATCH,
    ),
    Case("AIFF", lambda: encoded(tone(), "AIFF"), Reason.TYPE_MISMATCH),
    Case("AIFF-C", lambda: b"FORM\0\0\0\0AIFC" + bytes(40), Reason.TYPE_MISMATCH),
    Case("AU", lambda: encoded(tone(), "AU"), Reason.TYPE_MISMATCH),
    Case("MP4", lambda: b"\0\0\0\x20ftypM4A " + bytes(99), Reason.TYPE_MISMATCH),
    Case("AVI", lambda: b"RIFF\0\0\0\0AVI " + bytes(40), Reason.TYPE_MISMATCH),
    Case("RIFX", lambda: b"RIFX\0\0\0\0WAVE" + bytes(40), Reason.TYPE_MISMATCH),
    Case("WebM", lambda: b"\x1a\x45\xdf\xa3" + bytes(40), Reason.TYPE_MISMATCH),
    Case("FLAC named .wav", flac, Reason.TYPE_MISMATCH, (("content-type", b"audio/wav"),)),
    Case("no audio at all", lambda: bytes(100), Reason.BAD_ENVELOPE),
    # -- unusual, but sound
    *[at_rate(rate_hz) for rate_hz in (8_000, 11_025, 768_000)],
    in_encoding("24-bit PCM", "WAV", "PCM_24"),
    in_encoding("32-bit PCM", "WAV", "PCM_32"),
    in_encoding("float64", "WAV", "DOUBLE"),
    in_encoding("u-law", "WAV", "ULAW"),
    in_encoding("A-law", "WAV", "ALAW"),
    in_encoding("RF64", "RF64", "PCM_16"),
    Case(
        "8 channels",
        lambda: encoded(np.stack([tone(0.5)] * 8, axis=1)),
        "the mean of the channels",
        holds=is_tone,
    ),
    Case(
        "constant sound (DC)", constant, "kept", holds=partial(near, np.full(500, 0.25, np.float32))
    ),
    Case(
        "louder than 1",
        lambda: floats(8.0, -8.0),
        "clipped",
        holds=partial(near, np.array([1, -1], np.float32)),
    ),
    Case(
        "FLAC that does not say its length",
        lambda: set_flac_frames(flac(), 0),
        "read",
        holds=partial(lasts, 1.0),
    ),
    Case(
        "bytes behind the samples",
        lambda: constant() + b"LIST\xff\xff\xff\xffTAG",
        "ignored",
        holds=partial(near, np.full(500, 0.25, np.float32)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=names(CASES))
def test_audio_meets_its_fate(case: Case) -> None:
    assert_outcome(case, read)


def test_bombs_cost_neither_time_nor_memory() -> None:
    payload = silent_flac(60)
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
