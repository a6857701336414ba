"""Speech synthesis with transformers, in a device process.

Texts are spoken one at a time: the library draws noise for a whole batch at once, so what a text
sounds like would depend on its neighbours. What is drawn comes from the record's seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from transformers import (
    AutoConfig,
    AutoModelForTextToSpectrogram,
    AutoModelForTextToWaveform,
    AutoTokenizer,
    SpeechT5HifiGan,
)

from aimass_stream.adapters.classification import describe, load_model
from aimass_stream.adapters.draws import Draws
from aimass_stream.adapters.storing import store, wav_of
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import SEED_BYTES, ModelSpec
from aimass_stream.records import Speech
from aimass_stream.records.audio import WAV
from aimass_stream.transforms.chain import Kind
from aimass_stream.transforms.reading import Reading

VOICES = "speakers.safetensors"
"""Beside a SpeechT5 model: one tensor `speakers`, `(speakers, dimensions)`."""


@dataclass(frozen=True, slots=True)
class Line:
    """A text as a model takes it.

    Attributes:
        ids: `(tokens,)`.
        seed: of what is drawn.
    """

    ids: list[int]
    seed: int


class Speaker:
    """The `Predictor` of `Transformers("text-to-speech", ...)`: VITS, and SpeechT5 with HiFi-GAN.

    Args:
        spec: the resolved declaration; options `max_tokens`, `max_seconds`, `speaker` and
            `vocoder`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such model that can be loaded, or no such speaker.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._folder = Path(spec.folder)
        self._reading = Reading(spec, Kind.TEXT)
        self._options = spec.options
        self._device = torch.device(device)
        self._store = store()
        self._max_tokens = int(spec.options.get("max_tokens", 512))
        self._max_seconds = float(spec.options.get("max_seconds", 60.0))
        self._tokenizer = _load_tokenizer(self._folder)
        self._voice = self._load_voice()
        try:
            with torch.inference_mode():
                self._voice.speak(self._ids("a e i o u"))
        except Exception as error:
            raise SetupError(
                f"{describe(self._folder, error)} It failed on a short text."
            ) from error

    def decode(self, payload: bytes | memoryview) -> Line:
        """A seed and a text in UTF-8 as tokens; several threads may call at once.

        Raises:
            RecordError: EMPTY, TOO_LARGE (half a text would be another one), or UNDECODABLE (also
                where no character is one that the model can speak).
        """
        seed = int.from_bytes(payload[:SEED_BYTES], "little") >> 1
        ids = self._ids(self._reading.text(payload[SEED_BYTES:]))
        if not ids:
            raise RecordError(Reason.UNDECODABLE, "the model knows no character of the text")
        if len(ids) > self._max_tokens:
            detail = f"{len(ids)} tokens are more than the limit of {self._max_tokens}"
            raise RecordError(Reason.TOO_LARGE, detail)
        return Line(ids, seed)

    def predict(self, inputs: Sequence[Line]) -> list[Speech | RecordError]:
        """Speak each text, in the order of the inputs; files are stored before this returns.

        Speech longer than `max_seconds` is a RecordError, TOO_LARGE; samples that are not finite,
        INVALID_OUTPUT.
        """
        return [self._speak(line) for line in inputs]

    def close(self) -> None:
        """Give the weights' memory back."""
        del self._voice
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text)["input_ids"]
        return ids

    def _speak(self, line: Line) -> Speech | RecordError:
        with torch.inference_mode(), Draws(line.seed):
            samples = self._voice.speak(line.ids)
        seconds = len(samples) / self._voice.rate_hz
        if not np.isfinite(samples).all():
            return RecordError(Reason.INVALID_OUTPUT, "the model's samples are not all finite")
        if seconds > self._max_seconds:
            detail = f"{seconds:.1f} s of speech are more than the limit of {self._max_seconds:g} s"
            return RecordError(Reason.TOO_LARGE, detail)
        claim = self._store.put(wav_of(samples, self._voice.rate_hz), WAV)
        return Speech(claim, self._voice.rate_hz, seconds)

    def _load_voice(self) -> _Whole | _Spectrogram:
        config = AutoConfig.from_pretrained(
            self._folder, local_files_only=True, trust_remote_code=False
        )
        number = int(self._options.get("speaker", 0))
        if config.model_type != "speecht5":
            model = load_model(self._folder, AutoModelForTextToWaveform, "speech model")
            return _Whole(model.to(self._device).eval(), number, self._folder)
        model = load_model(self._folder, AutoModelForTextToSpectrogram, "speech model")
        place = self._folder / str(self._options.get("vocoder", "vocoder"))
        vocoder = load_model(place, SpeechT5HifiGan, "vocoder")
        person = _load_person(self._folder, number).to(self._device)
        parts = (model.to(self._device).eval(), vocoder.to(self._device).eval())
        return _Spectrogram(*parts, person, self._max_seconds)


class _Whole:
    """A model that makes samples by itself: VITS."""

    def __init__(self, model: Any, speaker: int, folder: Path) -> None:
        self._model = model
        self.rate_hz = int(model.config.sampling_rate)
        speakers = int(getattr(model.config, "num_speakers", 1))
        if speaker >= max(1, speakers):
            raise SetupError(f"The model in {folder} has {speakers} speakers, numbered from 0.")
        self._speaker = {"speaker_id": speaker} if speakers > 1 else {}

    def speak(self, ids: list[int]) -> NDArray[np.float32]:
        """`(samples,)`, -1 to 1."""
        tokens = torch.tensor([ids], device=self._model.device)
        found = self._model(input_ids=tokens, **self._speaker)
        samples: NDArray[np.float32] = found.waveform[0].float().cpu().numpy()
        return samples


class _Spectrogram:
    """A model that makes a spectrogram, and a vocoder that makes samples of it: SpeechT5."""

    def __init__(self, model: Any, vocoder: Any, person: torch.Tensor, max_seconds: float) -> None:
        self._model = model
        self._vocoder = vocoder
        self._person = person
        self.rate_hz = int(vocoder.config.sampling_rate)
        hop = int(np.prod(vocoder.config.upsample_rates))
        self._most_frames = max_seconds * self.rate_hz / hop + model.config.reduction_factor

    def speak(self, ids: list[int]) -> NDArray[np.float32]:
        """`(samples,)`, -1 to 1."""
        tokens = torch.tensor([ids], device=self._person.device)
        found = self._model.generate_speech(
            tokens,
            self._person,
            # The model stops by itself; a text that it never finishes must end all the same.
            maxlenratio=min(20.0, self._most_frames / len(ids)),
            vocoder=self._vocoder,
        )
        samples: NDArray[np.float32] = found.float().cpu().numpy()
        return samples


def _load_person(folder: Path, number: int) -> torch.Tensor:
    try:
        people = load_file(folder / VOICES)["speakers"]
    except (OSError, KeyError) as error:
        raise SetupError(
            f"{describe(folder, error)} SpeechT5 speaks with a voice: {VOICES} beside it holds one "
            "tensor `speakers`, a row of it for each speaker."
        ) from error
    if number >= len(people):
        raise SetupError(f"{VOICES} in {folder} has {len(people)} speakers, numbered from 0.")
    return people[number : number + 1].float()


def _load_tokenizer(folder: Path) -> Any:
    try:
        found = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        found("a")
    except Exception as error:
        raise SetupError(
            f"{describe(folder, error)} Is there a tokenizer? It is written by "
            "tokenizer.save_pretrained(folder), beside the model."
        ) from error
    return found
