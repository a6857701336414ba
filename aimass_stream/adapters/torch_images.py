"""Image classification with a network that a file describes, in a device process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image

from aimass_stream.adapters.architecture import FILE, build, read_architecture
from aimass_stream.adapters.classification import Classifier, Features
from aimass_stream.codecs.images import Pixels
from aimass_stream.errors import SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.transforms.chain import Kind
from aimass_stream.transforms.reading import Reading


class NetworkClassifier(Classifier):
    """The `Predictor` of `Torch("image-classification", ...)`.

    An image is resized to the described size (bilinear), grey where one channel is asked for.

    Args:
        spec: the resolved declaration; options `top` and `scaled_decode`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such network that can be loaded, or it answers a blank
            image with something other than one finite score per label.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        folder = Path(spec.folder)
        found = read_architecture(folder)
        if found.input is None:
            raise SetupError(f"{FILE} in {folder} does not say what `input` it takes.")
        self._input, self._reading = found.input, Reading(spec, Kind.IMAGE)
        self._at_least = (
            2 * max(self._input.width, self._input.height)
            if spec.options.get("scaled_decode", False)
            else None
        )
        self.hold(folder, "image", device, build(folder, found, detects=False))
        self.name(found.labels, spec)
        self._mean, self._std = (
            torch.tensor(each, device=self._device).view(1, -1, 1, 1)
            for each in (self._input.mean, self._input.std)
        )
        self._try_out(self._prepare(np.zeros((64, 64, 3), np.uint8)))

    def decode(self, payload: bytes | memoryview) -> Features:
        """One JPEG or PNG file, `(channels, height, width)` uint8; several threads may call.

        Raises:
            RecordError: EMPTY, TOO_LARGE, TYPE_MISMATCH or UNDECODABLE.
        """
        return self._prepare(self._reading.image(payload, self._at_least))

    def _prepare(self, pixels: Pixels) -> Features:
        image = Image.fromarray(pixels).convert("L" if self._input.channels == 1 else "RGB")
        size = (self._input.width, self._input.height)
        made = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
        return np.ascontiguousarray(np.atleast_3d(made).transpose(2, 0, 1))

    def _forward(self, inputs: Sequence[Features]) -> Any:
        stacked = torch.from_numpy(np.stack(inputs)).to(self._device).float() / 255
        return SimpleNamespace(logits=self._model((stacked - self._mean) / self._std))
