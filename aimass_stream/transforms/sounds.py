"""Transforms of audio: cleaning, and features. Declarations only; `samples` does them.

Cleaning keeps how long a recording is, so times in answers stay those of the record.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from aimass_stream.errors import ConfigError
from aimass_stream.transforms.chain import Kind, Transform

_DOES = "aimass_stream.transforms.samples:"

_Window = Annotated[int, Meta(ge=16, le=8192)]


class _Cleaning(Transform, frozen=True):
    takes = gives = Kind.SOUND


class ClipPeaks(_Cleaning, frozen=True):
    """Samples beyond a level are brought to it.

    Attributes:
        level: of the largest sample that stays, 0 to 1.
    """

    does = _DOES + "clip_peaks"

    level: Annotated[float, Meta(gt=0, le=1)] = 0.9


class WienerDenoise(_Cleaning, frozen=True):
    """Denoise: the adaptive Wiener filter of `scipy.signal.wiener`.

    Attributes:
        window: samples over which mean and variance are taken, odd.
    """

    does = _DOES + "wiener"

    window: Annotated[int, Meta(ge=3, le=9999)] = 29

    def __post_init__(self) -> None:
        if self.window % 2 == 0:
            raise ConfigError(f"WienerDenoise: window={self.window} is not odd.")


class BandPass(_Cleaning, frozen=True):
    """A Butterworth filter, forwards and backwards, so that nothing is delayed (scipy).

    Attributes:
        low_hz: what lies below is taken out.
        high_hz: what lies above is taken out; at the most half of the rate of what it is given.
        order: of the filter.
    """

    does = _DOES + "band_pass"

    low_hz: Annotated[float, Meta(gt=0)] = 80.0
    high_hz: Annotated[float, Meta(gt=0)] = 7_000.0
    order: Annotated[int, Meta(ge=1, le=10)] = 4

    def __post_init__(self) -> None:
        if self.low_hz >= self.high_hz:
            raise ConfigError("BandPass: low_hz must be below high_hz.")


class Resample(_Cleaning, frozen=True):
    """Another rate (soxr, HQ). As a chain's first step it is the rate that files are decoded at.

    A model that takes another rate is given it again behind the chain; what was above half of
    this rate stays lost.

    Attributes:
        rate_hz: samples a second.
    """

    does = _DOES + "resample"

    rate_hz: Annotated[int, Meta(ge=1_000, le=192_000)] = 16_000


class Stft(Transform, frozen=True):
    """Short-time Fourier transform: the level of each frequency over the whole recording.

    Magnitudes (`scipy.signal.ShortTimeFFT`, Hann window), as the mean over frames and their
    standard deviation: `2 * (window // 2 + 1)` columns.

    Attributes:
        window: samples of a frame.
        hop: samples from one frame to the next.
    """

    takes = Kind.SOUND
    gives = Kind.VECTOR
    does = _DOES + "stft"

    window: _Window = 512
    hop: _Window = 256


class Mel(Transform, frozen=True):
    """Log-mel levels: decibels in bands as ears tell them apart.

    The power of `Stft`'s frames in mel filters (HTK's scale, triangles of height 1: `mel_filters`),
    in decibels with a floor at -100, as the mean over frames and their standard deviation:
    `2 * bands` columns.

    Attributes:
        bands: mel filters.
        window: samples of a frame.
        hop: samples from one frame to the next.
    """

    takes = Kind.SOUND
    gives = Kind.VECTOR
    does = _DOES + "mel"

    bands: Annotated[int, Meta(ge=4, le=256)] = 40
    window: _Window = 512
    hop: _Window = 256
