"""Speech recognition with transformers, in a device process."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers
from transformers import AutoConfig, AutoModelForCTC, AutoModelForSpeechSeq2Seq, AutoTokenizer

from aimass_stream.adapters.classification import Features, describe, load_model
from aimass_stream.adapters.extraction import Extraction, load_extractor
from aimass_stream.adapters.hearing import Frames, Hearing, Sequence2Sequence, Transducer
from aimass_stream.adapters.opening import OpensAudio
from aimass_stream.adapters.packing import placed
from aimass_stream.adapters.rows import alike, in_order
from aimass_stream.codecs.audio import Samples
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Transcript

_PROBE_S = (0.5, 0.8)
_TOLERANCE = 1e-5


class Heard(NamedTuple):
    """A recording as a model takes it.

    Attributes:
        features: as the extractor made them, time first.
        seconds: how long it is.
        is_long: whether it is more than the model's window.
    """

    features: Features
    seconds: float
    is_long: bool = False


class Recogniser(OpensAudio):
    """The `Predictor` of `Transformers("automatic-speech-recognition", ...)`.

    CTC (Wav2Vec2, HuBERT, Parakeet) and transducers (Parakeet RNN-T and TDT) tell when each word
    is said, Whisper when each phrase is; Moonshine does not. Recordings of several lengths are
    padded and masked if the model then hears what it hears without, which is tried when it is
    loaded; else those of one length go together. Those beyond a model's window (Whisper: 30 s) are
    heard window by window, each recording alone.

    Args:
        spec: the resolved declaration; option `max_new_tokens`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such model that can be loaded, or it fails on silence.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        folder = Path(spec.folder)
        self._device = torch.device(device)
        auto_class, hearing = _way_of(folder)
        self._extraction = Extraction(load_extractor(folder), folder)
        self.open_within(spec, self._extraction.rate_hz)
        model = load_model(folder, auto_class, "speech recogniser")
        self._model = placed(model, self._device)
        most = int(spec.options.get("max_new_tokens", 256))
        self._hearing: Hearing = hearing(self._model, _load_tokenizer(folder), most)
        self._pads = False
        silence = self._prepare(np.zeros(self._extraction.rate_hz, np.float32))
        try:
            self._group([silence])
        except Exception as error:
            raise SetupError(f"{describe(folder, error)} It failed on silence.") from error
        self._pads = self._may_pad()

    def _prepare(self, cleaned: Samples) -> Heard:
        seconds, window = len(cleaned) / self._extraction.rate_hz, self._extraction.window_samples
        if window is None or len(cleaned) <= window:
            return Heard(self._extraction(cleaned), seconds)
        if not self._hearing.goes_on:
            most = window / self._extraction.rate_hz
            detail = f"{seconds:.1f} s are more than the {most:g} s that this model hears"
            raise RecordError(Reason.TOO_LARGE, detail)
        return Heard(self._extraction.whole(cleaned), seconds, is_long=True)

    def predict(self, inputs: Sequence[Heard]) -> list[Transcript | RecordError]:
        """What is said in each recording, in the order of the inputs.

        A recording on which the model's scores are not finite is a RecordError, INVALID_OUTPUT.
        """
        groups = [
            part
            for rows in alike(inputs, self._shape)
            # Windows of several recordings would be moved on together.
            for part in ([[row] for row in rows] if inputs[rows[0]].is_long else [rows])
        ]
        found = [self._answers([inputs[row] for row in rows]) for rows in groups]
        return in_order(groups, found)

    def close(self) -> None:
        """Give the weights' memory back."""
        del self._model, self._hearing
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _shape(self, heard: Heard) -> Any:
        """Equal for recordings that go through the model together."""
        return 0 if self._pads else (heard.is_long, heard.features.shape)

    def _answers(self, inputs: Sequence[Heard]) -> list[Transcript | RecordError]:
        try:
            return [*self._group(inputs)]
        except ArithmeticError as error:
            if len(inputs) > 1:
                return [answer for one in inputs for answer in self._answers([one])]
            return [RecordError(Reason.INVALID_OUTPUT, str(error))]

    def _group(self, inputs: Sequence[Heard]) -> list[Transcript]:
        frames = [self._hearing.frames(len(heard.features)) for heard in inputs]
        seconds = [heard.seconds for heard in inputs]
        return self._hearing.transcribe(self._arguments(inputs), frames, seconds)

    def _arguments(self, inputs: Sequence[Heard]) -> dict[str, torch.Tensor]:
        features = [heard.features for heard in inputs]
        given: dict[str, Any] = {}
        if self._pads:
            padded, given["attention_mask"] = self._extraction.pad(features)
        else:
            padded = np.stack(features)
        given[self._extraction.name] = padded
        return {name: torch.from_numpy(each).to(self._device) for name, each in given.items()}

    def _may_pad(self) -> bool:
        """Whether rows of several lengths, padded and masked, are heard as each alone is."""
        if "attention_mask" not in inspect.signature(self._model.forward).parameters:
            return False
        draw = np.random.default_rng(0)
        lengths = [int(seconds * self._extraction.rate_hz) for seconds in _PROBE_S]
        inputs = [self.prepare(draw.normal(0, 0.1, each).astype(np.float32)) for each in lengths]
        if inputs[0].features.shape == inputs[1].features.shape:
            return False
        alone = [self._hearing.encode(self._arguments([one])) for one in inputs]
        self._pads = True
        try:
            together = self._hearing.encode(self._arguments(inputs))
        except (RuntimeError, TypeError, ValueError):
            return False
        finally:
            self._pads = False
        if together is None:
            return False
        frames = [self._hearing.frames(len(one.features)) for one in inputs]
        return all(
            one is not None
            and one.shape[1] >= count
            and torch.allclose(
                one[0, :count], together[row, :count], rtol=_TOLERANCE, atol=_TOLERANCE
            )
            for row, (one, count) in enumerate(zip(alone, frames, strict=True))
        )


def _way_of(folder: Path) -> tuple[Any, type[Hearing]]:
    """The Auto class of a folder's model, and how it is decoded."""
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise SetupError(f"{describe(folder, error)} Is there a config.json?") from error
    architecture = (config.architectures or [""])[0]
    if architecture.endswith("ForCTC"):
        return AutoModelForCTC, Frames
    for ending in ("ForRNNT", "ForTDT"):
        if architecture.endswith(ending):
            # Not in every release of the library that has the rest.
            return getattr(transformers, f"AutoModel{ending}"), Transducer
    return AutoModelForSpeechSeq2Seq, Sequence2Sequence


def _load_tokenizer(folder: Path) -> Any:
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise SetupError(
            f"{describe(folder, error)} Is there a tokenizer.json or vocab.json? It is written by "
            "processor.save_pretrained(folder), beside the model."
        ) from error
