"""Tacotron 2, and what makes samples of its spectrograms: HiFi-GAN or WaveRNN.

In device processes only. Networks are torchaudio's, which the extra `tacotron` brings, and
transformers' for HiFi-GAN. Shen et al., "Natural TTS Synthesis by Conditioning WaveNet on Mel
Spectrogram Predictions", ICASSP 2018; Kong et al., "HiFi-GAN", NeurIPS 2020; Kalchbrenner et al.,
"Efficient Neural Audio Synthesis", ICML 2018.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from transformers import SpeechT5HifiGan

from aimass_stream.adapters.architecture import FILE
from aimass_stream.adapters.classification import describe, load_model
from aimass_stream.adapters.extras import require
from aimass_stream.adapters.transformers_synthesis import Speaker
from aimass_stream.adapters.voices import Style, Voice
from aimass_stream.errors import Reason, RecordError, SetupError

_LEAST_DB = -100.0
_TRIED_FRAMES = 3


class Network(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A network of torchaudio, as `architecture.json` describes it.

    Attributes:
        library: `torchaudio`.
        architecture: `tacotron2`, or `wavernn` for a vocoder.
        arguments: of its constructor.
        symbols: of Tacotron 2: what it can speak, in the order of its embedding. A text is read
            in small letters, and what is no symbol is left out.
        rate_hz: of the samples, for WaveRNN.
    """

    library: Literal["torchaudio"]
    architecture: Literal["tacotron2", "wavernn"]
    arguments: dict[str, Any] = {}
    symbols: list[str] = []
    rate_hz: int = 22_050


class Vocoder:
    """What makes samples of a spectrogram.

    Args:
        rate_hz: of the samples.
        samples: how many stand for one frame.
        sound: makes `(samples,)` of `(1, mels, frames)`, natural logarithms of mel magnitudes.
    """

    def __init__(
        self, rate_hz: int, samples: int, sound: Callable[[torch.Tensor], torch.Tensor]
    ) -> None:
        self.rate_hz = rate_hz
        self.samples = samples
        self.sound = sound


class Tacotron(Voice):
    """A model that writes a spectrogram frame by frame, with a vocoder's folder.

    Args:
        folder: the model's.
        device: where it runs.
        vocoder: folder of the vocoder, in the model's.
        max_seconds: where a model that goes on and on is stopped.

    Raises:
        SetupError: one of the folders holds no such network that can be loaded.
    """

    speakers = 1

    def __init__(
        self, folder: Path, device: torch.device, vocoder: str, max_seconds: float
    ) -> None:
        self.described = _describe(folder, "tacotron2")
        if len(set(self.described.symbols)) != len(self.described.symbols):
            raise SetupError(f"{FILE} in {folder} names a symbol twice.")
        arguments = {**self.described.arguments, "n_symbol": len(self.described.symbols)}
        self._model = _build(folder, "Tacotron2", arguments, device)
        self._model.decoder.prenet = _Prenet(self._model.decoder.prenet.layers)
        # Said of each text that is stopped; whoever sent it is told so by a dead letter.
        warnings.filterwarnings("ignore", "Reached max decoder steps", UserWarning)
        self._vocoder = _load_vocoder(folder / vocoder, device)
        self.rate_hz = self._vocoder.rate_hz
        self._max_seconds = max_seconds

    def speak(self, ids: list[int], speaker: int, style: Style) -> NDArray[np.float32]:
        """`(samples,)`, -1 to 1, of a text's symbols.

        Raises:
            RecordError: TOO_LARGE; it did not come to an end.
        """
        del speaker, style
        most = math.floor(self._max_seconds * self.rate_hz / self._vocoder.samples) + 1
        mel = self._write(ids, most)
        if mel.shape[2] >= most:
            # Before the vocoder is asked, which may take longer than the spectrogram did.
            detail = f"the text does not end within the limit of {self._max_seconds:g} s of speech"
            raise RecordError(Reason.TOO_LARGE, detail)
        return self._sound(mel)

    def try_out(self, ids: list[int], speaker: int) -> None:
        """Speak a few frames: WaveRNN would take minutes for a text."""
        del speaker
        self._sound(self._write(ids, _TRIED_FRAMES))

    def _write(self, ids: list[int], most: int) -> torch.Tensor:
        """`(1, mels, frames)`, of no more frames than `most`."""
        self._model.decoder.decoder_max_step = most
        device = next(self._model.parameters()).device
        mel, lengths, _ = self._model.infer(torch.tensor([ids], device=device))
        found: torch.Tensor = mel[:, :, : int(lengths[0])]
        return found

    def _sound(self, mel: torch.Tensor) -> NDArray[np.float32]:
        samples: NDArray[np.float32] = self._vocoder.sound(mel).float().cpu().numpy()
        return samples


class TacotronSpeaker(Speaker):
    """The `Predictor` of `Torch("text-to-speech", ...)`: Tacotron 2 with HiFi-GAN or WaveRNN.

    Args:
        spec: the resolved declaration; options as `Speaker` has them.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: as `Speaker`, or torchaudio is not installed.
    """

    def _open(self, vocoder: str) -> tuple[Callable[[str], list[int]], Voice]:
        voice = Tacotron(self._folder, self._device, vocoder, self._max_seconds)
        numbers = {symbol: place for place, symbol in enumerate(voice.described.symbols)}

        def spell(text: str) -> list[int]:
            return [numbers[letter] for letter in text.lower() if letter in numbers]

        return spell, voice


class _Prenet(torch.nn.Module):
    """Tacotron 2's, whose dropout is never off; drawn so that a seed of the record's counts.

    Args:
        layers: its linear layers.
    """

    def __init__(self, layers: torch.nn.ModuleList) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        """`(rows, last layer)`, of `(rows, mels)`."""
        # torch's own dropout takes no generator on a GPU.
        for layer in self.layers:
            frame = torch.relu(layer(frame))
            frame = frame * torch.empty_like(frame).bernoulli_(0.5).div_(0.5)
        return frame


def _describe(folder: Path, wanted: str) -> Network:
    try:
        found = msgspec.json.decode((folder / FILE).read_bytes(), type=Network)
    except (OSError, msgspec.MsgspecError) as error:
        raise SetupError(
            f"{describe(folder, error)} Tacotron 2 and WaveRNN are described by {FILE}; see "
            "docs/models/speaking.md."
        ) from error
    if found.architecture != wanted:
        raise SetupError(f"{FILE} in {folder} describes a {found.architecture}, no {wanted}.")
    return found


def _build(folder: Path, name: str, arguments: dict[str, Any], device: torch.device) -> Any:
    models = require("torchaudio").models
    try:
        network = getattr(models, name)(**arguments)
        network.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    except Exception as error:
        raise SetupError(
            f"{describe(folder, error)} {FILE} and model.safetensors must be of one {name}."
        ) from error
    return network.float().eval().to(device)


def _load_vocoder(folder: Path, device: torch.device) -> Vocoder:
    if (folder / FILE).is_file():
        return _load_wavernn(folder, device)
    model = load_model(folder, SpeechT5HifiGan, "vocoder").to(device).eval()
    samples = int(np.prod(model.config.upsample_rates))
    return Vocoder(
        int(model.config.sampling_rate), samples, lambda mel: model(mel.transpose(1, 2))[0]
    )


def _load_wavernn(folder: Path, device: torch.device) -> Vocoder:
    from torchaudio.functional import mu_law_decoding

    described = _describe(folder, "wavernn")
    model = _build(folder, "WaveRNN", described.arguments, device)

    def sound(mel: torch.Tensor) -> torch.Tensor:
        decibels = 20 * mel.exp().clamp(min=1e-5).log10()
        found, _ = model.infer(((_LEAST_DB - decibels) / _LEAST_DB).clamp(0, 1))
        # Classes, cut off and not rounded, as those of torchaudio's own pipeline are.
        classes = ((found.clamp(-1, 1) + 1) * (model.n_classes - 1) / 2).int()
        samples: torch.Tensor = mu_law_decoding(classes, model.n_classes)[0, 0]
        return samples

    return Vocoder(described.rate_hz, int(model.upsample.total_scale), sound)
