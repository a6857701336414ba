"""Sounds made from numbers: what the demo streams, what its audio model learns from.

Five classes, each made with parameters of its own for training and for streaming, mixed with
noise and often with a quieter sound of another class. No model library is needed here, so a
generator starts quickly.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from aimass_stream.codecs.audio import Samples, decode_audio
from aimass_stream.records import Limits

Split = Literal["train", "stream"]
Wave = NDArray[np.float64]

LABELS = ("chirp", "hum", "knock", "speech", "tone")
"""The classes, in the order of a model's outputs."""
RATE_HZ = 16_000
"""The rate sounds are made at; files have various."""
TRAIN_ROWS = 1200
"""Sounds to train on."""
NOISE = 0.5
"""Loudness of a streamed sound's noise, as a share of the sound's, at the most."""

_LENGTHS_S = (0.4, 1.5)
_RATES_HZ = (8_000, 11_025, 16_000, 22_050, 44_100)
_FORMATS = (("WAV", "PCM_16"), ("WAV", "PCM_24"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"))
_CELLS = 64
_OVERLAP = 0.3
# First and second formant of five vowels, Hz; the third hardly moves.
_VOWELS = np.array([(730, 1090), (270, 2290), (300, 870), (530, 1840), (570, 840)], np.float64)


def sound_files(
    split: Split, *, noise: float = NOISE, seed: int = 0
) -> Iterator[tuple[bytes, str]]:
    """Sounds without end, 0.4 to 1.5 s each; the same arguments give the same sounds.

    They are the same bytes too, save for the number libsndfile draws for an Ogg stream.
    WAV, FLAC and Ogg, and rates from 8 to 44.1 kHz, alternate at random.

    Args:
        split: `train` or `stream`; pitches, speeds and all else differ between them.
        noise: loudness of the noise, as a share of the sound's, at the most; at 0 sounds are
            clean and alone.
        seed: of everything drawn.

    Yields:
        The file and its label.
    """
    draw = np.random.default_rng((seed, split == "stream"))
    while True:
        label = int(draw.integers(len(LABELS)))
        sound = _mixed(Drawer(split, draw), label, noise)
        yield _encode(sound, draw), LABELS[label]


class Drawer:
    """Draws parameters that only one of the splits has.

    A range is cut into cells, evenly by ratio; every second one is a split's.

    Attributes:
        draw: for what needs not differ between the splits.
    """

    def __init__(self, split: Split, draw: np.random.Generator) -> None:
        self.draw = draw
        self._first = int(split == "stream")

    def between(self, low: float, high: float) -> float:
        """A number of the split's between two positive ones."""
        cell = 2 * self.draw.integers(_CELLS // 2) + self._first + self.draw.random()
        return float(low * (high / low) ** (cell / _CELLS))


def _mixed(drawer: Drawer, label: int, noise: float) -> Wave:
    draw = drawer.draw
    times = np.arange(int(draw.uniform(*_LENGTHS_S) * RATE_HZ)) / RATE_HZ
    sound = _leveled(_MAKERS[label](times, drawer))
    if noise:
        if draw.random() < _OVERLAP:
            other = (label + draw.integers(1, len(LABELS))) % len(LABELS)
            sound = sound + draw.uniform(0.1, 0.4) * _leveled(_MAKERS[other](times, drawer))
        sound = sound + draw.uniform(0, noise) * draw.standard_normal(len(times))
    loudest = np.abs(sound).max()
    gain = draw.uniform(0.05, 0.95) if noise else 0.9
    return np.asarray(sound * (gain / max(loudest, 1e-9)))


def _leveled(sound: Wave) -> Wave:
    return np.asarray(sound / max(float(np.sqrt(np.mean(sound**2))), 1e-9))


def _tone(times: Wave, drawer: Drawer) -> Wave:
    """One pitch, a few overtones, a little vibrato."""
    pitch_hz = drawer.between(150, 2_000)
    depth = drawer.draw.uniform(0, 0.01)
    vibrato = depth / 2 * np.sin(2 * np.pi * drawer.between(3, 8) * times)
    phase = 2 * np.pi * pitch_hz * (times + vibrato / 10)
    falling = drawer.draw.uniform(0.1, 0.5)
    return np.asarray(sum(falling**k * np.sin((k + 1) * phase) for k in range(4)))


def _chirp(times: Wave, drawer: Drawer) -> Wave:
    """A pitch that rises or falls, half an octave to two, once or repeatedly."""
    start_hz = drawer.between(200, 1_500)
    octaves = drawer.between(0.5, 2.0) * (1 if drawer.draw.random() < 0.5 else -1)
    sweeps = drawer.draw.integers(1, 4)
    place = (times / times[-1] * sweeps) % 1
    pitch_hz = start_hz * 2 ** (octaves * place)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ))


def _knock(times: Wave, drawer: Drawer) -> Wave:
    """Two to six dull blows, each a noise and a resonance that die away."""
    sound = np.zeros(len(times))
    blows = int(drawer.draw.integers(2, 7))
    for start_s in np.sort(drawer.draw.uniform(0, times[-1] * 0.9, blows)):
        since = times - start_s
        body = np.where(since >= 0, np.exp(-np.maximum(since, 0) * drawer.between(25, 90)), 0)
        ring = np.sin(2 * np.pi * drawer.between(120, 900) * since)
        rustle = drawer.draw.uniform(0.2, 1) * drawer.draw.standard_normal(len(times))
        sound += drawer.draw.uniform(0.4, 1) * body * (ring + rustle)
    return sound


def _hum(times: Wave, drawer: Drawer) -> Wave:
    """A machine: a low pitch with many overtones, slow beats, and a dull noise."""
    pitch_hz = drawer.between(45, 180)
    phases = drawer.draw.uniform(0, 2 * np.pi, 12)
    loudness = drawer.draw.uniform(0.2, 1, 12) / np.arange(1, 13) ** drawer.draw.uniform(0.2, 1.2)
    sound = sum(
        loudness[k] * np.sin(2 * np.pi * pitch_hz * (k + 1) * times + phases[k]) for k in range(12)
    )
    beats = 1 + drawer.draw.uniform(0, 0.6) * np.sin(2 * np.pi * drawer.between(1, 9) * times)
    rumble = np.cumsum(drawer.draw.standard_normal(len(times)))
    rumble -= np.convolve(rumble, np.ones(400) / 400, "same")
    return np.asarray(sound * beats + drawer.draw.uniform(0, 0.8) * _leveled(rumble))


def _speech(times: Wave, drawer: Drawer) -> Wave:
    """Syllables: a voice whose overtones follow the formants of vowels, hisses between them."""
    draw = drawer.draw
    rate_hz = drawer.between(2.5, 6.5)
    place = times * rate_hz + draw.random()
    syllable = place.astype(int)
    vowels = _VOWELS[draw.integers(0, len(_VOWELS), syllable[-1] + 2)]
    vowels = vowels * drawer.between(0.85, 1.25)
    # Formants glide to the next vowel over the second half of a syllable.
    glide = np.clip(2 * (place % 1) - 1, 0, 1)[:, np.newaxis]
    formants = (1 - glide) * vowels[syllable] + glide * vowels[syllable + 1]
    fall = 1 - draw.uniform(0, 0.3) * times / times[-1]
    accent = 1 + 0.08 * np.sin(2 * np.pi * place / draw.uniform(1.5, 3))
    pitch_hz = drawer.between(90, 260) * fall * accent
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    voice = np.zeros(len(times))
    for k in range(1, int(3_800 / pitch_hz.mean())):
        # Loudness changes slowly: every 16th sample tells.
        near = (k * pitch_hz[::16, np.newaxis] - formants[::16]) / (80, 120)
        loudness = (1 / (1 + near**2)).sum(axis=1).repeat(16)[: len(times)]
        voice += loudness / k**0.5 * np.sin(k * phase)
    opening = np.clip(np.sin(np.pi * (place % 1)), 0, None) ** draw.uniform(0.5, 1.5)
    hiss = np.diff(draw.standard_normal(len(times) + 1)) * (opening < 0.3) * draw.uniform(0, 0.4)
    return np.asarray(_leveled(voice) * opening + hiss)


_MAKERS = (_chirp, _hum, _knock, _speech, _tone)


def _encode(sound: Wave, draw: np.random.Generator) -> bytes:
    rate_hz = int(draw.choice(_RATES_HZ))
    kind, encoding = _FORMATS[draw.integers(len(_FORMATS))]
    file = io.BytesIO()
    samples = soxr.resample(sound.astype(np.float32), RATE_HZ, rate_hz)
    soundfile.write(file, samples.clip(-1, 1), rate_hz, format=kind, subtype=encoding)
    return file.getvalue()


class NearestMean:
    """The obvious baseline: the class whose mean spectrum is nearest.

    Args:
        noise: noise of the sounds it is made from.
        rows: how many sounds.
    """

    def __init__(self, *, noise: float = NOISE, rows: int = TRAIN_ROWS) -> None:
        sounds = sound_files("train", noise=noise)
        files, labels = zip(*(next(sounds) for _ in range(rows)), strict=True)
        features = _spectra(list(files))
        of_class = [features[np.array(labels) == label] for label in LABELS]
        self._means = np.stack([sounds_of.mean(axis=0) for sounds_of in of_class])

    def predict(self, files: list[bytes]) -> list[str]:
        """The label of each file."""
        features = _spectra(files)
        distance = ((features[:, np.newaxis] - self._means) ** 2).sum(axis=2)
        return [LABELS[row] for row in distance.argmin(axis=1)]


def _spectra(files: list[bytes]) -> Wave:
    """Mean loudness of each sound in 64 bands up to 4 kHz, in dB about its own mean."""
    return np.stack([_spectrum(decode_audio(file, Limits(), RATE_HZ)) for file in files])


def _spectrum(samples: Samples) -> Wave:
    whole = samples[: len(samples) // 512 * 512].reshape(-1, 512)
    power = np.abs(np.fft.rfft(whole * np.hanning(512))) ** 2
    bands = power[:, :128].mean(axis=0).reshape(64, 2).mean(axis=1)
    loudness = 10 * np.log10(bands + 1e-10)
    return np.asarray(loudness - loudness.mean())
