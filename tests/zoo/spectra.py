"""Recordings as vectors without a network."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from aimass_stream.adapters.spectrum import MelSpectrum
from aimass_stream.errors import Reason
from aimass_stream.records import Audio, Embedding
from tests.zoo.case import Case

RATE_HZ = 16_000


def recording(seconds: float, seed: int) -> bytes:
    """A tone that wavers, under noise."""
    draw = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    tone = np.sin(2 * np.pi * draw.uniform(100, 2_000) * time * (1 + 0.1 * np.sin(9 * time)))
    file = io.BytesIO()
    sound = 0.3 * tone + draw.normal(0, 0.02, len(time))
    soundfile.write(file, sound.astype(np.float32), RATE_HZ, "FLOAT", format="WAV")
    return file.getvalue()


def describe(folder: Path, payload: bytes) -> Embedding:
    """By the library's own spectrogram and mel filters."""
    del folder
    samples, _ = soundfile.read(io.BytesIO(payload))
    filters = mel_filter_bank(257, 40, 0, RATE_HZ / 2, RATE_HZ, norm=None, mel_scale="htk")
    power = spectrogram(
        samples,
        window_function(512, "hann"),
        frame_length=512,
        hop_length=160,
        power=2.0,
        center=False,
        mel_filters=filters,
        mel_floor=0.0,
        dtype=np.dtype(np.float64),
    )
    bands = np.log(power + 1e-10)
    level = bands.mean(axis=1)
    moves = np.abs(np.diff(bands)).mean(axis=1)
    parts = [level - level.mean(), bands.std(axis=1), moves]
    return Embedding.of(
        np.concatenate([part / np.linalg.norm(part) for part in parts]) / np.sqrt(3)
    )


CASES = [
    Case(
        "audio-spectrum",
        ("A4",),
        lambda folder: None,
        lambda folder: MelSpectrum("spectrum"),
        [recording(0.5, 0), recording(1.7, 1), recording(0.2, 2), recording(0.5, 3)],
        describe,
        (b"RIFF\x10\0\0\0WAVEbroken", Reason.UNDECODABLE),
        Audio,
    )
]
