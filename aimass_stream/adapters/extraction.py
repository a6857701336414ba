"""Features of recordings, as transformers' extractors make them. In device processes only.

An extractor with a window (Whisper) is given many recordings at a time: most of what one of them
takes it takes for several.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoFeatureExtractor

from aimass_stream.adapters.classification import Features, load_processor
from aimass_stream.adapters.opening import OpensAudio, settings_of
from aimass_stream.adapters.rows import decode_together
from aimass_stream.codecs.audio import Samples
from aimass_stream.errors import RecordError, SetupError
from aimass_stream.model import ModelSpec

MIN_S = 0.1
"""Shorter audio is lengthened by silence: below a window of features most extractors fail."""

PROBE_S = (0.5, 0.8)
"""Lengths of what a model is tried with, to see what it makes of several."""

_TOGETHER_SAMPLES = 1 << 19


class Extraction:
    """What a feature extractor does to one row of samples.

    Args:
        extractor: a transformers feature extractor.
        folder: where it lies, for messages.

    Attributes:
        rate_hz: the rate it takes.
        name: what the model calls its features.
        window_samples: what it brings all samples to; None where it leaves their length as it is,
            or does not say.
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

    def each(self, many: Sequence[Samples]) -> list[Features]:
        """Features of each, in order: what it makes of one at a time, worked out for several."""
        window = self.window_samples
        if window is None:
            return [self(samples) for samples in many]
        step = max(1, _TOGETHER_SAMPLES // window)
        made: list[Features] = []
        for first in range(0, len(many), step):
            part = list(many[first : first + step])
            made.extend(np.asarray(self._extract(part)[self.name], np.float32))
        return made

    def whole(self, samples: Samples) -> Features:
        """Features of all samples, where there are more than the window takes."""
        return self._features(samples, truncation=False, padding="longest")

    def brings_to_one_shape(self) -> bool:
        """Whether recordings of several lengths become features of one shape."""
        made = [self(np.zeros(int(seconds * self.rate_hz), np.float32)) for seconds in PROBE_S]
        return made[0].shape == made[1].shape

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

    def _features(self, samples: Samples, **how: Any) -> Features:
        made = self._extract(samples, **how)
        features = made[self.name][0]
        mask = made.get("attention_mask")
        if mask is not None and len(mask[0]) == len(features):
            # Some mark a last step as none; whoever is given no mask would hear it.
            features = features[: int(mask[0].sum())]
        return np.ascontiguousarray(features, np.float32)

    def _extract(self, samples: Samples | list[Samples], **how: Any) -> Any:
        return self._extractor(samples, sampling_rate=self.rate_hz, return_tensors="np", **how)


class ExtractsFeatures(OpensAudio):
    """Base of `Predictor`s that are given features of recordings.

    Attributes:
        costs_alike: whether a recording costs the same however long it is.
    """

    costs_alike: bool
    _extraction: Extraction

    def extract_within(self, spec: ModelSpec) -> None:
        """Load the folder's extractor and say what is opened, before anything is.

        Raises:
            SetupError: there is none for audio, or the chain cannot run before this model.
        """
        folder = Path(spec.folder)
        self._extraction = Extraction(load_extractor(folder), folder)
        self.open_within(spec, self._extraction.rate_hz, self._extraction.settings)
        self.costs_alike = self._extraction.brings_to_one_shape()

    def decode_all(self, payloads: Sequence[bytes | memoryview]) -> list[Features | RecordError]:
        """What `decode` makes of each recording, or why it can make nothing of it."""
        return decode_together(
            payloads, lambda payload: self._cleaned(self.open(payload)), self._extraction.each
        )

    def _prepare(self, cleaned: Samples) -> Features:
        return self._extraction(cleaned)


def load_extractor(folder: Path) -> Any:
    """The feature extractor saved in a model folder.

    Raises:
        SetupError: there is none that can be loaded.
    """
    return load_processor(AutoFeatureExtractor.from_pretrained, folder)
