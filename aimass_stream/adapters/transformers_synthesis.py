"""Speech synthesis with transformers, in a device process.

Texts are spoken one at a time: the library draws noise for a whole batch at once, and no vocoder
of its knows padding from silence, so what a text sounds like would depend on its neighbours. What
is drawn comes from the record's seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer

from aimass_stream.adapters.classification import describe
from aimass_stream.adapters.draws import Draws
from aimass_stream.adapters.storing import store, wav_of
from aimass_stream.adapters.tasks.told import Manner
from aimass_stream.adapters.voices import Style, Voice, load_voice
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import SEED_BYTES, ModelSpec
from aimass_stream.records import Speech
from aimass_stream.records.audio import WAV
from aimass_stream.records.told import split_told
from aimass_stream.transforms.chain import Kind
from aimass_stream.transforms.reading import Reading


@dataclass(frozen=True, slots=True)
class Line:
    """A text as a model takes it.

    Attributes:
        ids: `(tokens,)`.
        seed: of what is drawn.
        speaker: a number.
        style: what is changed.
    """

    ids: list[int]
    seed: int
    speaker: int
    style: Style


class Speaker:
    """The `Predictor` of `Transformers("text-to-speech", ...)`.

    VITS, FastSpeech 2 with HiFi-GAN, and SpeechT5 with HiFi-GAN.

    Args:
        spec: the resolved declaration; options `max_tokens`, `max_seconds`, `speaker`, `styles`
            and `vocoder`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such model that can be loaded, no such speaker, or one
            that cannot do what a style asks for.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._folder = Path(spec.folder)
        self._reading = Reading(spec, Kind.TEXT)
        self._speaker = int(spec.options.get("speaker", 0))
        self._styles: dict[str, Style] = {"": {}, **spec.options.get("styles", {})}
        self._device = torch.device(device)
        self._store = store()
        self._max_tokens = int(spec.options.get("max_tokens", 512))
        self._max_seconds = float(spec.options.get("max_seconds", 60.0))
        self._ids, self._voice = self._open(str(spec.options.get("vocoder", "vocoder")))
        self._check_declared()
        try:
            with torch.inference_mode():
                self._voice.try_out(self._ids("a e i o u") or [0], self._speaker)
        except Exception as error:
            raise SetupError(
                f"{describe(self._folder, error)} It failed on a short text."
            ) from error

    def decode(self, payload: bytes | memoryview) -> Line:
        """A seed, how to speak, and a text in UTF-8, as tokens; several threads may call.

        Raises:
            RecordError: EMPTY, TOO_LARGE (half a text would be another one), UNDECODABLE (also
                where no character is one that the model can speak), or BAD_ENVELOPE (there is no
                such speaker or style).
        """
        seed = int.from_bytes(payload[:SEED_BYTES], "little") >> 1
        told, text = split_told(payload[SEED_BYTES:])
        speaker, style = self._chosen(Manner(**told))
        ids = self._ids(self._reading.text(text))
        if not ids:
            raise RecordError(Reason.UNDECODABLE, "the model knows no character of the text")
        if len(ids) > self._max_tokens:
            detail = f"{len(ids)} tokens are more than the limit of {self._max_tokens}"
            raise RecordError(Reason.TOO_LARGE, detail)
        return Line(ids, seed, speaker, style)

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

    def _open(self, vocoder: str) -> tuple[Callable[[str], list[int]], Voice]:
        """What makes tokens of a text, and the model that speaks them."""
        tokenizer = _load_tokenizer(self._folder)

        def tokens(text: str) -> list[int]:
            ids: list[int] = tokenizer(text)["input_ids"]
            return ids

        voice = load_voice(self._folder, self._device, vocoder, self._max_seconds)
        return tokens, voice

    def _check_declared(self) -> None:
        """See that the model has the speaker, and can do what the styles ask for."""
        count = self._voice.speakers
        if self._speaker >= count:
            raise SetupError(f"The model in {self._folder} has {count} speakers, numbered from 0.")
        for name, style in self._styles.items():
            cannot = sorted(style.keys() - self._voice.styles)
            if cannot:
                raise SetupError(
                    f"The model in {self._folder} cannot change its {' or '.join(cannot)}, as the "
                    f"style {name!r} asks; it can change: "
                    f"{', '.join(sorted(self._voice.styles)) or 'nothing'}."
                )

    def _chosen(self, manner: Manner) -> tuple[int, Style]:
        speaker = self._speaker if manner.speaker is None else manner.speaker
        if not 0 <= speaker < self._voice.speakers:
            detail = f"there is no speaker {speaker}; there are {self._voice.speakers}, from 0"
            raise RecordError(Reason.BAD_ENVELOPE, detail)
        style = self._styles.get(manner.style)
        if style is None:
            known = ", ".join(sorted(filter(None, self._styles))) or "none"
            detail = f"no style {manner.style[:40]!r} is declared; there are: {known}"
            raise RecordError(Reason.BAD_ENVELOPE, detail)
        return speaker, style

    def _speak(self, line: Line) -> Speech | RecordError:
        try:
            with torch.inference_mode(), Draws(line.seed):
                samples = self._voice.speak(line.ids, line.speaker, line.style)
        except RecordError as error:
            return error
        seconds = len(samples) / self._voice.rate_hz
        if not np.isfinite(samples).all():
            return RecordError(Reason.INVALID_OUTPUT, "the model's samples are not all finite")
        if seconds > self._max_seconds:
            detail = f"{seconds:.1f} s of speech are more than the limit of {self._max_seconds:g} s"
            return RecordError(Reason.TOO_LARGE, detail)
        claim = self._store.put(wav_of(samples, self._voice.rate_hz), WAV)
        return Speech(claim, self._voice.rate_hz, seconds)


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
