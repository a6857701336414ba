"""Audio classification with transformers, in a device process.

Decoding, resampling and the feature extractor run in the decode threads, on the CPU; the device
is given features.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForAudioClassification

from aimass_stream.adapters.classification import TOLERANCES, Classifier, Features
from aimass_stream.adapters.extraction import PROBE_S, ExtractsFeatures
from aimass_stream.adapters.packing import pack_linears
from aimass_stream.model import ModelSpec


class AudioClassifier(ExtractsFeatures, Classifier):
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
        self.extract_within(spec)
        super().__init__(spec, device, AutoModelForAudioClassification, "audio")
        self._pads = False
        self._try_out(self._extraction(np.zeros(self._extraction.rate_hz, np.float32)))
        pack_linears(self._model)
        self._pads = self._may_pad()

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
        takes_mask = "attention_mask" in inspect.signature(self._model.forward).parameters
        if self.costs_alike or not takes_mask:
            return False
        draw = np.random.default_rng(0)
        lengths = [int(seconds * self._extraction.rate_hz) for seconds in PROBE_S]
        inputs = [
            self._extraction(draw.normal(0, 0.1, length).astype(np.float32)) for length in lengths
        ]
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
