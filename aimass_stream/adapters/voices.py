"""Models of transformers that speak, one kind a class. In device processes only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from transformers import (
    AutoConfig,
    AutoModelForTextToSpectrogram,
    AutoModelForTextToWaveform,
    SpeechT5HifiGan,
)

from aimass_stream.adapters.classification import describe, load_model
from aimass_stream.adapters.packing import placed
from aimass_stream.errors import SetupError

VOICES = "speakers.safetensors"
"""Beside a model that speaks with a voice's embedding: one tensor `speakers`, a row for each."""

USUAL_RATE_HZ = 22_050
"""Of FastSpeech 2's vocoder: its configuration has no field of the library's for it, and only a
model trained at another rate says so there, as `sampling_rate`."""

Style = Mapping[str, float]
"""What a style changes: `speed` and `variation`, as multiples of the model's own."""


class Voice(ABC):
    """A loaded model.

    Attributes:
        styles: what a style may change.
        rate_hz: of the samples.
        speakers: how many there are, numbered from 0.
    """

    styles: ClassVar[frozenset[str]] = frozenset()
    rate_hz: int
    speakers: int

    @abstractmethod
    def speak(self, ids: list[int], speaker: int, style: Style) -> NDArray[np.float32]:
        """`(samples,)`, -1 to 1, of a text's tokens.

        Raises:
            RecordError: TOO_LARGE; the model stops a text that does not end.
        """

    def try_out(self, ids: list[int], speaker: int) -> None:
        """Speak a short text, which shows that all parts of the model fit."""
        self.speak(ids, speaker, {})


class Vits(Voice):
    """A model that makes samples by itself, and draws how: VITS and MMS."""

    styles = frozenset({"speed", "variation"})

    def __init__(self, folder: Path, device: torch.device) -> None:
        model = load_model(folder, AutoModelForTextToWaveform, "speech model")
        self._model = placed(model, device)
        self.rate_hz = int(model.config.sampling_rate)
        self.speakers = max(1, int(getattr(model.config, "num_speakers", 1)))

    def speak(self, ids: list[int], speaker: int, style: Style) -> NDArray[np.float32]:
        """`(samples,)`, -1 to 1, of a text's tokens."""
        model, config = self._model, self._model.config
        model.speaking_rate = config.speaking_rate * style.get("speed", 1.0)
        model.noise_scale = config.noise_scale * style.get("variation", 1.0)
        model.noise_scale_duration = config.noise_scale_duration * style.get("variation", 1.0)
        chosen = {"speaker_id": speaker} if self.speakers > 1 else {}
        found = model(input_ids=torch.tensor([ids], device=model.device), **chosen)
        samples: NDArray[np.float32] = found.waveform[0].float().cpu().numpy()
        return samples


class FastSpeech(Voice):
    """A model that makes a spectrogram at once, with its vocoder: FastSpeech 2 and HiFi-GAN."""

    styles = frozenset({"speed"})

    def __init__(self, folder: Path, device: torch.device) -> None:
        model = load_model(folder, AutoModelForTextToWaveform, "speech model")
        self._model = placed(model, device)
        self._config = model.model.config
        self._slowness = float(self._config.speaking_speed)
        self.rate_hz = int(getattr(model.vocoder.config, "sampling_rate", USUAL_RATE_HZ))
        self._people = _load_people(folder, device) if self._config.speaker_embed_dim else None
        numbered = max(1, int(self._config.num_speakers or 1))
        self.speakers = numbered if self._people is None else len(self._people)
        self._is_numbered = numbered > 1

    def speak(self, ids: list[int], speaker: int, style: Style) -> NDArray[np.float32]:
        """`(samples,)`, -1 to 1, of a text's tokens."""
        # The library's own word for it counts durations: twice of it takes twice as long.
        self._config.speaking_speed = self._slowness / style.get("speed", 1.0)
        device, chosen = self._model.device, {}
        if self._is_numbered:
            chosen["speaker_ids"] = torch.tensor([[speaker]], device=device)
        if self._people is not None:
            chosen["speaker_embedding"] = self._people[speaker : speaker + 1]
        found = self._model(input_ids=torch.tensor([ids], device=device), **chosen)
        samples: NDArray[np.float32] = found.waveform[0].float().cpu().numpy()
        return samples


class SpeechT5(Voice):
    """A model that writes a spectrogram frame by frame, with a vocoder's folder: SpeechT5."""

    def __init__(
        self, folder: Path, device: torch.device, vocoder: str, max_seconds: float
    ) -> None:
        model = load_model(folder, AutoModelForTextToSpectrogram, "speech model")
        self._model = placed(model, device)
        made = load_model(folder / vocoder, SpeechT5HifiGan, "vocoder")
        self._vocoder = placed(made, device)
        self._people = _load_people(folder, device)
        self.speakers = len(self._people)
        self.rate_hz = int(made.config.sampling_rate)
        hop = int(np.prod(made.config.upsample_rates))
        self._most_frames = max_seconds * self.rate_hz / hop + model.config.reduction_factor

    def speak(self, ids: list[int], speaker: int, style: Style) -> NDArray[np.float32]:
        """`(samples,)`, -1 to 1, of a text's tokens."""
        del style
        found = self._model.generate_speech(
            torch.tensor([ids], device=self._people.device),
            self._people[speaker : speaker + 1],
            # The model stops by itself; a text that it never finishes must end all the same.
            maxlenratio=min(20.0, self._most_frames / len(ids)),
            vocoder=self._vocoder,
        )
        samples: NDArray[np.float32] = found.float().cpu().numpy()
        return samples


def load_voice(folder: Path, device: torch.device, vocoder: str, max_seconds: float) -> Voice:
    """The model of a folder.

    Args:
        folder: the model's.
        device: where it runs.
        vocoder: folder of SpeechT5's vocoder, in the model's.
        max_seconds: where a model that goes on and on is stopped.

    Raises:
        SetupError: the folder holds no such model that can be loaded.
    """
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise SetupError(f"{describe(folder, error)} Is there a config.json?") from error
    if config.model_type == "speecht5":
        return SpeechT5(folder, device, vocoder, max_seconds)
    if config.model_type == "fastspeech2_conformer_with_hifigan":
        return FastSpeech(folder, device)
    return Vits(folder, device)


def _load_people(folder: Path, device: torch.device) -> torch.Tensor:
    try:
        people = load_file(folder / VOICES)["speakers"]
    except (OSError, KeyError) as error:
        raise SetupError(
            f"{describe(folder, error)} This model speaks with a voice: {VOICES} beside it holds "
            "one tensor `speakers`, a row of it for each speaker."
        ) from error
    return people.float().to(device)
