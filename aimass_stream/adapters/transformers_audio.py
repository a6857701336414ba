"""Audio classification with transformers, in a device process.

Decoding, resampling and the feature extractor run in the decode threads, row by row, on the
CPU; the device is given features.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

from aimass_stream.adapters.classification import (
    TOLERANCES,
    Classifier,
    Features,
    load_processor,
)
from aimass_stream.adapters.opening import OpensAudio, settings_of
from aimass_stream.adapters.packing import pack_linears
from aimass_stream.codecs.audio import Samples
from aimass_stream.errors import SetupError
from aimass_stream.model import ModelSpec

MIN_S = 0.1
"""Shorter audio is lengthened by silence: below a window of features most extractors fail."""

_PROBE_S = (0.5, 0.8)


class AudioClassifier(OpensAudio, Classifier):
    """The `Predictor` of `Transformers("audio-classification", ...)`.

    An extractor with a window (AST, Whisper) pads or cuts all audio to it, from its start, as
    the library does. Where lengths stay as they are (Wav2Vec2, HuBERT), rows are padded to the
    longest and masked if the model then answers as it does without; this is tried when it is
    loaded. Models that do not (those with group norm over time) get rows of one length at a
    time. So audio alone and in a batch gets the same scores within 1e-4.

    Args:
        spec: the resolved declaration; option `top`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no audio classifier that can be loaded, or it answers
            silence with something other than one finite score per label.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._extraction = Extraction(load_extractor(Path(spec.folder)), Path(spec.folder))
        self.open_within(spec, self._extraction.rate_hz, self._extraction.settings)
        super().__init__(spec, device, AutoModelForAudioClassification, "audio")
        self._pads = False
        self._try_out(self._extraction(np.zeros(self._extraction.rate_hz, np.float32)))
        pack_linears(self._model)
        self._pads = self._may_pad()

    def _prepare(self, cleaned: Samples) -> Features:
        return self._extraction(cleaned)

    def _groups(self, inputs: Sequence[Features]) -> list[list[int]]:
        return [list(range(len(inputs)))] if self._pads and inputs else super()._groups(inputs)

    def _forward(self, inputs: Sequence[Features]) -> Any:
        given: dict[str, Any] = {}
        if self._pads:
            padded, given["attention_mask"] = self._extraction.pad(inputs)
        else:
            padded = np.stack(inputs)
        given[self._extraction.name] = padded
        sent = {name: self._transfers.send(array) for name, array in given.items()}
        # The mask stays whole numbers.
        sent[self._extraction.name] = sent[self._extraction.name].to(self._model.dtype)
        return self._model(**sent)

    def _may_pad(self) -> bool:
        """Whether rows of several lengths, padded and masked, are answered as each alone is."""
        if "attention_mask" not in inspect.signature(self._model.forward).parameters:
            return False
        draw = np.random.default_rng(0)
        lengths = [int(seconds * self._extraction.rate_hz) for seconds in _PROBE_S]
        inputs = [
            self._extraction(draw.normal(0, 0.1, length).astype(np.float32)) for length in lengths
        ]
        if inputs[0].shape == inputs[1].shape:
            return False
        alone = torch.cat([self._logits([one]) for one in inputs])
        self._pads = True
        try:
            together = self._logits(inputs)
        except (RuntimeError, TypeError, ValueError):
            return False
        finally:
            self._pads = False
        # Closer than answers must be: padding is not all that may move them.
        tolerance = TOLERANCES[self._model.dtype] / 10
        return torch.allclose(alone, together, rtol=tolerance, atol=tolerance)


class Extraction:
    """What a feature extractor does to one row of samples.

    Args:
        extractor: a transformers feature extractor.
        folder: where it lies, for messages.

    Attributes:
        rate_hz: the rate it takes.
        name: what the model calls its features.
        window_samples: what it brings all samples to; None where it leaves their length as it is.
        settings: equal for extractors that make the same features; None where it cannot be told.

    Raises:
        SetupError: it is none for audio.
    """

    def __init__(self, extractor: Any, folder: Path) -> None:
        self._extractor = extractor
        self.settings = settings_of(extractor)
        self.rate_hz = getattr(extractor, "sampling_rate", 0)
        if not isinstance(self.rate_hz, int) or self.rate_hz <= 0:
            raise SetupError(
                f"The feature extractor in {folder} is none for audio: it has no sampling_rate."
            )
        self.name = str(extractor.model_input_names[0])
        self.window_samples: int | None = getattr(extractor, "n_samples", None)
        self._least = int(MIN_S * self.rate_hz)

    def __call__(self, samples: Samples) -> Features:
        """Features of `(samples,)` float32 at `rate_hz`; the extractor decides their shape."""
        if len(samples) < self._least:
            samples = np.pad(samples, (0, self._least - len(samples)))
        return self._features(samples)

    def whole(self, samples: Samples) -> Features:
        """Features of all samples, where there are more than the window takes."""
        return self._features(samples, truncation=False, padding="longest")

    def _features(self, samples: Samples, **how: Any) -> Features:
        made = self._extractor(samples, sampling_rate=self.rate_hz, return_tensors="np", **how)
        features = made[self.name][0]
        mask = made.get("attention_mask")
        if mask is not None and len(mask[0]) == len(features):
            # Some mark a last step as none; whoever is given no mask would hear it.
            features = features[: int(mask[0].sum())]
        return np.ascontiguousarray(features, np.float32)

    def pad(self, inputs: Sequence[Features]) -> tuple[Features, Features]:
        """The inputs as one array, padded to the longest, and its mask: 1 where there is input."""
        longest = max(len(one) for one in inputs)
        value = float(getattr(self._extractor, "padding_value", 0.0))
        padded = np.full((len(inputs), longest, *inputs[0].shape[1:]), value, np.float32)
        mask = np.zeros((len(inputs), longest), np.int64)
        for row, one in enumerate(inputs):
            padded[row, : len(one)] = one
            mask[row, : len(one)] = 1
        return padded, mask


def load_extractor(folder: Path) -> Any:
    """The feature extractor saved in a model folder.

    Raises:
        SetupError: there is none that can be loaded.
    """
    return load_processor(AutoFeatureExtractor.from_pretrained, folder)
