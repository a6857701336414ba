"""WAV, FLAC and Ogg files to mono samples at a wanted rate, within limits.

Channels are averaged. What is decoded is worked through in blocks, so that however many
channels and whatever rate a file has, no more is held than its mono samples at the wanted rate.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from aimass_stream.codecs.audio_headers import AudioHeader, check_pages, read_header
from aimass_stream.errors import Reason, RecordError
from aimass_stream.records.limits import Limits

Samples = NDArray[np.float32]
"""Mono audio: `(samples,)`, float32, -1 to 1."""

MIN_RATE_HZ = 1_000
"""The lowest rate a file may have."""
MAX_RATE_HZ = 768_000
"""The highest rate a file may have."""
WORK_RATE_HZ = 96_000
"""Samples of all channels that are decoded for each second the limit allows, as 48 kHz stereo
has them. Files with more a second may be that much shorter."""

_BLOCK_SAMPLES = 1 << 18


class _ForwardFile(soundfile.SoundFile):  # type: ignore[misc]  # no types of its own
    """A file that is read once, from its start to its end.

    A seekable file is sought after every block that was read, which costs a FLAC or Ogg file
    more than decoding, and fails where a FLAC file does not say how long it is.
    """

    def seekable(self) -> bool:
        """No."""
        return False


def decode_audio(payload: bytes | memoryview, limits: Limits, rate_hz: int) -> Samples:
    """Decode one WAV, FLAC or Ogg file; several threads may call it at once.

    Length, rate and channels are bounded before anything is decoded, and the length again by
    what is decoded. The result depends on the arguments alone.

    Args:
        payload: the file.
        limits: bounds on its bytes, seconds and channels.
        rate_hz: the wanted rate; other rates are resampled (soxr, HQ).

    Returns:
        `(samples,)` float32, -1 to 1: the mean of the channels. What is louder, in a file of
        floats or after resampling, is clipped.

    Raises:
        RecordError: EMPTY (no bytes, or too short for one sample), TOO_LARGE, TYPE_MISMATCH
            (neither WAV, FLAC nor Ogg), or UNDECODABLE (damaged, truncated, NaN or infinite).
    """
    if len(payload) > limits.payload_bytes:
        raise RecordError(
            Reason.TOO_LARGE,
            f"{len(payload)} bytes are more than the limit of {limits.payload_bytes}",
        )
    header = read_header(payload)
    most = _check_header(header, limits)
    if header.format == "Ogg":
        check_pages(header)
    try:
        blocks = _pcm_16(header) if header.encoding == "PCM_16" else _decoded(header, most)
        return _collect(_bounded(blocks, header, most), header.rate_hz, rate_hz)
    except (RecordError, MemoryError):
        raise
    except Exception as error:  # whatever libsndfile or its wrapper raises, this audio is bad
        raise RecordError(
            Reason.UNDECODABLE, f"the {header.format} decoder refused it: {type(error).__name__}"
        ) from None


def _check_header(header: AudioHeader, limits: Limits) -> int:
    """Refuse what is beyond the limits; the frames that may be decoded."""
    if header.channels > limits.audio_channels:
        raise RecordError(
            Reason.TOO_LARGE,
            f"{header.channels} channels are more than the limit of {limits.audio_channels}",
        )
    if not MIN_RATE_HZ <= header.rate_hz <= MAX_RATE_HZ:
        raise RecordError(
            Reason.UNDECODABLE,
            f"a rate of {header.rate_hz} Hz is not within {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz",
        )
    fastest_hz = min(header.rate_hz, WORK_RATE_HZ / header.channels)
    most = int(limits.audio_seconds * fastest_hz)
    if header.frames > most:
        raise _too_long(most, header)
    return most


def _too_long(most: int, header: AudioHeader) -> RecordError:
    return RecordError(
        Reason.TOO_LARGE,
        f"{header.channels} channels at {header.rate_hz} Hz are longer than the limit of "
        f"{most / header.rate_hz:g} s",
    )


def _pcm_16(header: AudioHeader) -> Iterator[Samples]:
    """The commonest samples, without the detour through a decoder: seven times as quick."""
    whole = header.samples[: header.frames * header.channels * 2]
    frames = np.frombuffer(whole, "<i2").reshape(-1, header.channels)
    step = _BLOCK_SAMPLES // header.channels
    for first in range(0, len(frames), step):
        yield _mono(frames[first : first + step].astype(np.float32) / np.float32(32768))


def _decoded(header: AudioHeader, most: int) -> Iterator[Samples]:
    with _open(header) as file:
        same = file.samplerate == header.rate_hz and file.channels == header.channels
        if not same:
            raise ValueError("the decoder sees another rate or more channels than the header says")
        # One frame beyond what is allowed shows that there is more.
        step = max(1, min(_BLOCK_SAMPLES // header.channels, most + 1))
        while True:
            block = file.read(step, dtype="float32", always_2d=True)
            if not len(block):
                return
            yield _mono(block)


def _open(header: AudioHeader) -> soundfile.SoundFile:
    stream = io.BytesIO(b"".join((header.lead, header.samples)))
    if header.format != "WAV":
        return _ForwardFile(stream)
    return _ForwardFile(
        stream,
        samplerate=header.rate_hz,
        channels=header.channels,
        subtype=header.encoding,
        format="RAW",
        endian="LITTLE",
    )


def _mono(block: NDArray[np.float32]) -> Samples:
    """The mean of the channels of `(frames, channels)`."""
    with np.errstate(over="ignore", invalid="ignore"):
        mono: Samples = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
    if not np.isfinite(mono).all():
        raise RecordError(Reason.UNDECODABLE, "the audio holds samples that are NaN or infinite")
    return mono


def _bounded(blocks: Iterator[Samples], header: AudioHeader, most: int) -> Iterator[Samples]:
    """The blocks, as long as they are no more than allowed and together all there must be."""
    frames = 0
    for block in blocks:
        frames += len(block)
        if frames > most:
            raise _too_long(most, header)
        yield block
    if frames == 0:
        raise RecordError(Reason.EMPTY, "the audio has no samples")
    if frames < header.frames:
        raise RecordError(Reason.UNDECODABLE, "the audio is damaged: samples are missing")


def _collect(blocks: Iterator[Samples], rate_hz: int, wanted_hz: int) -> Samples:
    if rate_hz == wanted_hz:
        parts = list(blocks)
    else:
        resampler = soxr.ResampleStream(rate_hz, wanted_hz, 1, dtype="float32", quality="HQ")
        parts = [resampler.resample_chunk(block) for block in blocks]
        parts.append(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
    samples = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if not len(samples):
        raise RecordError(Reason.EMPTY, f"the audio has no sample at {wanted_hz} Hz")
    return np.clip(samples, -1, 1)
