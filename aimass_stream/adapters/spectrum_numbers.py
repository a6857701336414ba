"""Recordings as statistics of their mel spectrum, in a device process. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aimass_stream.codecs.audio import Samples, decode_audio
from aimass_stream.errors import Reason, RecordError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Embedding
from aimass_stream.transforms.mel import mel_filters

_WINDOW_S, _STEP_S = 0.032, 0.010
_FLOOR = 1e-10
_BLOCK_FRAMES = 4_096

Floats = NDArray[np.float64]


class SpectrumModel:
    """The `Predictor` of `MelSpectrum`; recordings do not depend on each other.

    Args:
        spec: the resolved declaration; options `rate_hz` and `bands`.
        device: not used; it runs on the CPU.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        del device
        self._limits = spec.limits
        self._rate_hz = int(spec.options["rate_hz"])
        self._window = round(_WINDOW_S * self._rate_hz)
        self._step = round(_STEP_S * self._rate_hz)
        self._taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self._window) / self._window)
        self._bands = mel_filters(int(spec.options["bands"]), self._window, self._rate_hz)

    def decode(self, payload: bytes | memoryview) -> Samples:
        """One WAV, FLAC or Ogg file as mono samples; several threads may call at once.

        Raises:
            RecordError: EMPTY, TOO_LARGE, TYPE_MISMATCH or UNDECODABLE.
        """
        return decode_audio(payload, self._limits, self._rate_hz)

    def predict(self, inputs: Sequence[Samples]) -> list[Embedding | RecordError]:
        """A vector of unit length for each recording; of silence there is none, INVALID_OUTPUT."""
        return [self._one(samples) for samples in inputs]

    def close(self) -> None:
        """Nothing to give back."""

    def _one(self, samples: Samples) -> Embedding | RecordError:
        bands = np.log(self._mel(samples) + _FLOOR)
        moves = np.abs(np.diff(bands, axis=0))
        livelier = moves.mean(axis=0) if len(moves) else np.zeros(bands.shape[1])
        level = bands.mean(axis=0)
        # Loudness belongs to the distance of a microphone, not to the sound.
        shape = level - level.mean()
        if not 0 < float(np.linalg.norm(shape)) < np.inf:
            return RecordError(Reason.INVALID_OUTPUT, "the recording is silent, or all one sound")
        parts = np.concatenate([_unit(shape), _unit(bands.std(axis=0)), _unit(livelier)])
        return Embedding.of(_unit(parts))

    def _mel(self, samples: Samples) -> Floats:
        """`(windows, bands)`: power in each band."""
        short = self._window - len(samples)
        whole = np.pad(samples, (0, max(short, 0))).astype(np.float64)
        windows = np.lib.stride_tricks.sliding_window_view(whole, self._window)[:: self._step]
        # In blocks: windows overlap, so all of them at once take several times the recording.
        blocks = [
            np.abs(np.fft.rfft(windows[at : at + _BLOCK_FRAMES] * self._taper)) ** 2 @ self._bands
            for at in range(0, len(windows), _BLOCK_FRAMES)
        ]
        return np.concatenate(blocks)


def _unit(part: Floats) -> Floats:
    """At unit length, so that no part outweighs another; one of zeros stays as it is."""
    length = float(np.linalg.norm(part))
    return part / length if length > 0 else part
