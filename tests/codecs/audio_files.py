"""Audio files for tests, built byte by byte or by libsndfile; nothing is fetched."""

import io
import struct
import zlib

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from aimass_stream.codecs.audio import decode_audio
from aimass_stream.errors import RecordError
from aimass_stream.records import Limits

EXTENSIBLE = struct.pack("<HHIH", 22, 16, 0, 1)
"""What an extensible format chunk has behind its plain part, up to the identifier."""
PCM_GUID = bytes.fromhex("000000001000800000aa00389b71")
"""The identifier's end: all of it but the plain tag of two bytes."""

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))

LIMITS = Limits(payload_bytes=4_000_000, audio_seconds=20)


def tone(
    seconds: float = 0.5, rate_hz: int = 16_000, channels: int = 1, hz: float = 440.0
) -> NDArray[np.float32]:
    """`(frames,)` or `(frames, channels)`; each channel is quieter than the one before."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    one = (0.5 * np.sin(2 * np.pi * hz * times)).astype(np.float32)
    if channels == 1:
        return one
    return np.stack([one / (1 + channel) for channel in range(channels)], axis=1)


def encoded(
    samples: NDArray[np.float32] | NDArray[np.int16],
    kind: str = "WAV",
    encoding: str | None = None,
    rate_hz: int = 16_000,
) -> bytes:
    """A file as libsndfile writes it."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=kind, subtype=encoding)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a WAV file, padded to an even length."""
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes, magic: bytes = b"RIFF") -> bytes:
    """A WAV file of these chunks."""
    body = b"WAVE" + b"".join(chunks)
    return magic + struct.pack("<I", len(body) & 0xFFFFFFFF) + body


def wav(
    data: bytes,
    tag: int = 1,
    channels: int = 1,
    rate_hz: int = 16_000,
    bits: int = 16,
    extra: bytes = b"",
) -> bytes:
    """A WAV file with any format chunk."""
    frame = channels * -(-bits // 8)
    form = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * frame, frame, bits)
    return riff(chunk(b"fmt ", form + extra), chunk(b"data", data))


def set_flac_frames(payload: bytes, frames: int) -> bytes:
    """A FLAC file whose header claims another length; 0 for none."""
    (packed,) = struct.unpack_from(">Q", payload, 18)
    return payload[:18] + struct.pack(">Q", packed >> 36 << 36 | frames) + payload[26:]


def ogg_pages(payload: bytes) -> list[bytes]:
    """The pages of an Ogg file."""
    starts = [at for at in range(len(payload)) if payload.startswith(b"OggS", at)]
    return [payload[at:end] for at, end in zip(starts, [*starts[1:], None], strict=True)]


def with_checksums(payload: bytes) -> bytes:
    """An Ogg file whose pages have the checksums they should, as far as they are pages."""
    fixed = b""
    for page in ogg_pages(payload):
        blank = page[:22] + bytes(4) + page[26:]
        found = zlib.crc32(blank.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
        fixed += page[:22] + struct.pack("<I", int(f"{found:032b}"[::-1], 2)) + page[26:]
    return fixed


def with_bits(payload: bytes, at: int, mask: int) -> bytes:
    """A file with some bits of one byte turned."""
    return payload[:at] + bytes([payload[at] ^ mask]) + payload[at + 1 :]


def silent_flac(seconds: int, rate_hz: int = 48_000, channels: int = 8) -> bytes:
    """A FLAC file of silence: ten minutes of eight channels are some hundred kB of file."""
    file = io.BytesIO()
    block = np.zeros((rate_hz, channels), np.float32)
    with soundfile.SoundFile(file, "w", rate_hz, channels, "PCM_16", format="FLAC") as flac:
        for _ in range(seconds):
            flac.write(block)
    return file.getvalue()


def refusal(payload: bytes, limits: Limits = LIMITS) -> RecordError:
    """Why a file is not decoded."""
    with pytest.raises(RecordError) as caught:
        decode_audio(payload, limits, 16_000)
    assert "\n" not in caught.value.detail
    return caught.value
