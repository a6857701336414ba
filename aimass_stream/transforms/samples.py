"""What the transforms of audio do; in device processes only."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import soxr
from scipy import signal

from aimass_stream.codecs.audio import Samples
from aimass_stream.errors import Reason, RecordError
from aimass_stream.transforms.mel import mel_filters
from aimass_stream.transforms.values import Sound, Vector

FLOOR_DB = -100.0
"""The lowest level that `mel` tells."""

_BLOCK_FRAMES = 1024


def clip_peaks(sound: Sound, level: float) -> Sound:
    """No sample beyond the level."""
    return sound._replace(samples=np.clip(sound.samples, -level, level))


def wiener(sound: Sound, window: int) -> Sound:
    """The local mean where there is only noise, the sample where there is more."""
    # In digital silence the variance is 0, and the library divides by it.
    with np.errstate(divide="ignore", invalid="ignore"):
        found = signal.wiener(sound.samples, window)
    found = np.where(np.isfinite(found), found, sound.samples)
    return sound._replace(samples=found.astype(np.float32))


def band_pass(sound: Sound, low_hz: float, high_hz: float, order: int) -> Sound:
    """What lies between two frequencies; a recording shorter than the filter is mirrored."""
    # There is nothing above half the rate, and no filter for it.
    high_hz = min(high_hz, 0.499 * sound.rate_hz)
    sections = signal.butter(order, (low_hz, high_hz), "bandpass", output="sos", fs=sound.rate_hz)
    length = min(3 * (2 * len(sections) + 1), len(sound.samples) - 1)
    found = signal.sosfiltfilt(sections, sound.samples, padlen=length)
    return sound._replace(samples=found.astype(np.float32))


def resample(sound: Sound, rate_hz: int) -> Sound:
    """The same recording at another rate.

    Raises:
        RecordError: EMPTY: it is too short for one sample.
    """
    if sound.rate_hz == rate_hz:
        return sound
    found = soxr.resample(sound.samples, sound.rate_hz, rate_hz, quality="HQ")
    if not len(found):
        raise RecordError(Reason.EMPTY, f"the audio has no sample at {rate_hz} Hz")
    return Sound(np.clip(found, -1, 1), rate_hz)


def stft(sound: Sound, window: int, hop: int) -> Vector:
    """`(2 * (window // 2 + 1),)`: mean and deviation of each frequency's magnitude."""
    return _summed_up(_magnitudes(sound.samples, window, hop), lambda found: found)


def mel(sound: Sound, bands: int, window: int, hop: int) -> Vector:
    """`(2 * bands,)`: mean and deviation of each band's decibels."""
    filters = mel_filters(bands, window, sound.rate_hz)

    def decibels(magnitudes: Vector) -> Vector:
        power = filters.T @ magnitudes**2
        found: Vector = 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))
        return found

    return _summed_up(_magnitudes(sound.samples, window, hop), decibels)


def _magnitudes(samples: Samples, window: int, hop: int) -> Iterator[Vector]:
    """`(frequencies, frames)` in blocks, so that a long recording is never held as a whole."""
    transform = signal.ShortTimeFFT(signal.windows.hann(window, sym=False), hop, fs=1)
    if len(samples) < window:
        samples = np.pad(samples, (0, window - len(samples)))
    end = transform.p_max(len(samples))
    for first in range(transform.p_min, end, _BLOCK_FRAMES):
        last = min(first + _BLOCK_FRAMES, end)
        yield np.abs(transform.stft(samples, p0=first, p1=last))


def _summed_up(blocks: Iterator[Vector], scale: Callable[[Vector], Vector]) -> Vector:
    """Mean and deviation over the frames of all blocks."""
    frames, sums, squares = 0, np.zeros(1), np.zeros(1)
    for block in map(scale, blocks):
        frames += block.shape[1]
        sums = sums + block.sum(axis=1)
        squares = squares + (block**2).sum(axis=1)
    mean = sums / frames
    return np.concatenate([mean, np.sqrt(np.maximum(squares / frames - mean**2, 0))])
