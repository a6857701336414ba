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
from aimass_stream.adapters.layout import ROWS_TRIED, lay_out
from aimass_stream.adapters.opening import OpensImages
from aimass_stream.adapters.packing import pack_linears
from aimass_stream.codecs.images import Pixels
from aimass_stream.errors import SetupError
from aimass_stream.model import ModelSpec


class NetworkClassifier(OpensImages, Classifier):
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
        size = (found.input.width, found.input.height)
        self._input = found.input
        scaled = spec.options.get("scaled_decode", False)
        at_least = 2 * max(size) if scaled else None
        self.open_within(spec, (*size, found.input.channels), at_least)
        self.from_picture = self._resize
        self.hold(folder, "image", device, build(folder, found, detects=False))
        self.name(found.labels, spec)
        self._mean, self._std = (
            torch.tensor(each, device=self._device).view(1, -1, 1, 1)
            for each in (self._input.mean, self._input.std)
        )
        blank = self._prepare(np.zeros((64, 64, 3), np.uint8))
        self._try_out(blank)
        pack_linears(self._model)
        lay_out(self._model, lambda: self._logits([blank] * ROWS_TRIED))

    def _prepare(self, cleaned: Pixels) -> Features:
        return self._resize(Image.fromarray(cleaned))

    def _resize(self, picture: Image.Image) -> Features:
        """A picture as `(channels, height, width)` uint8, the channels of a pixel side by side."""
        image = picture.convert("L") if self._input.channels == 1 else picture
        size = (self._input.width, self._input.height)
        made = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
        return np.atleast_3d(made).transpose(2, 0, 1)

    def _forward(self, inputs: Sequence[Features]) -> Any:
        stacked = self._transfers.send_rows(inputs)
        stacked = stacked.to(torch.float32, memory_format=torch.contiguous_format) / 255
        return SimpleNamespace(logits=self._model((stacked - self._mean) / self._std))
