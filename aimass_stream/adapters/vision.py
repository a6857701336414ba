"""What models share that answer an image with more than a label. In device processes only."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aimass_stream.adapters.classification import describe, load_model
from aimass_stream.adapters.layout import ROWS_TRIED, lay_out
from aimass_stream.adapters.opening import OpensImages
from aimass_stream.adapters.packing import placed
from aimass_stream.adapters.rows import alike, in_order
from aimass_stream.adapters.transformers_images import (
    Input,
    Preparation,
    load_image_processor,
    scaled,
)
from aimass_stream.codecs.images import Pixels
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec

_BLANK_EDGE = 64


@dataclass(frozen=True, slots=True)
class Seen:
    """An image as a model takes it, and how large it was.

    Attributes:
        pixels: `(channels, height, width)` as the image processor made it.
        width: of the upright image, in pixels.
        height: likewise.
    """

    pixels: Input
    width: int
    height: int


class ImageModel(OpensImages):
    """Base of `Predictor`s for images. Images of one prepared shape make one forward pass.

    Nothing is padded for the sake of a batch, so an image alone and in a batch is answered alike.
    A task says in `_forward` what the model is given, and in `_answer` what follows for one image.

    Args:
        spec: the resolved declaration.
        device: `cpu` or `cuda:0`.
        auto_class: the Auto class of the task.
        what: what it is, for messages: `object detector`.

    Raises:
        SetupError: the folder holds no such model that can be loaded, or it fails on a blank
            image.
    """

    unused: tuple[str, ...] = ()

    def __init__(self, spec: ModelSpec, device: str, auto_class: Any, what: str) -> None:
        self._folder = Path(spec.folder)
        self._options = spec.options
        self._limits = spec.limits
        self.open_within(spec)
        self._device = torch.device(device)
        if self._device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = False
        self._processor = load_image_processor(self._folder)
        self._preparation = Preparation(self._processor, spec.limits)
        scale, shift = self._preparation.affine
        self._scale = torch.from_numpy(scale).to(self._device).view(1, -1, 1, 1)
        self._shift = torch.from_numpy(shift).to(self._device).view(1, -1, 1, 1)
        model = load_model(self._folder, auto_class, what, self.unused)
        self._model = placed(model, self._device)
        self._set_up()
        self._try_out()

    def _prepare(self, cleaned: Pixels) -> Seen:
        return Seen(self._preparation(cleaned), cleaned.shape[1], cleaned.shape[0])

    def predict(self, inputs: Sequence[Seen]) -> list[Any | RecordError]:
        """Answer decoded images, in their order.

        An image on which the model's numbers are not all finite is a RecordError, INVALID_OUTPUT.
        """
        groups = alike(inputs, self._alike)
        return in_order(groups, [self._group([inputs[row] for row in rows]) for rows in groups])

    def close(self) -> None:
        """Give the weights' memory back."""
        del self._model
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _alike(self, seen: Seen) -> Hashable:
        """Equal for images that go through the model together."""
        return seen.pixels.shape

    def _set_up(self) -> None:
        """Whatever is made once of the loaded model."""

    def _pixels(self, inputs: Sequence[Seen]) -> torch.Tensor:
        """Images of one shape as the model's `pixel_values`."""
        stacked = torch.from_numpy(np.stack([seen.pixels for seen in inputs])).to(self._device)
        return scaled(stacked, self._scale, self._shift)

    def _group(self, inputs: Sequence[Seen]) -> list[Any | RecordError]:
        with torch.inference_mode():
            outputs = {name: found.float().cpu() for name, found in self._forward(inputs).items()}
            return [
                self._one({name: found[row : row + 1] for name, found in outputs.items()}, seen)
                for row, seen in enumerate(inputs)
            ]

    def _one(self, outputs: dict[str, torch.Tensor], seen: Seen) -> Any | RecordError:
        if all(bool(torch.isfinite(found).all()) for found in outputs.values()):
            return self._answer(outputs, seen)
        return RecordError(Reason.INVALID_OUTPUT, "the model's numbers are not all finite")

    @abstractmethod
    def _forward(self, inputs: Sequence[Seen]) -> dict[str, torch.Tensor]:
        """What the model makes of images of one shape, by name, `(rows, ...)` each."""

    @abstractmethod
    def _answer(self, outputs: dict[str, torch.Tensor], seen: Seen) -> Any | RecordError:
        """The answer for one image, from its row of each output, `(1, ...)` float32 on the CPU."""

    def _try_out(self) -> None:
        blank = self._prepare(np.zeros((_BLANK_EDGE, _BLANK_EDGE, 3), np.uint8))
        try:
            (answer,) = self._group([blank])
        except Exception as error:
            raise SetupError(
                f"{describe(self._folder, error)} It failed on a blank image."
            ) from error
        if isinstance(answer, RecordError) and answer.reason is Reason.INVALID_OUTPUT:
            raise SetupError(
                f"The model in {self._folder} answers a blank image with numbers that are not "
                "finite. Its weights are unusable."
            )
        lay_out(self._model, lambda: self._numbers([blank] * ROWS_TRIED))

    def _numbers(self, inputs: Sequence[Seen]) -> torch.Tensor:
        """All that the model makes of images of one shape, on the CPU."""
        with torch.inference_mode():
            found = self._forward(inputs)
            return torch.cat([each.float().cpu().flatten() for each in found.values()])


class Outputs(dict[str, Any]):
    """A model's outputs as the library's own post-processing reads them: by attribute."""

    __getattr__ = dict.__getitem__


def class_names(config: Any) -> dict[int, str]:
    """The names in a configuration's `id2label`, by number."""
    return {int(number): str(name) for number, name in config.id2label.items()}
