"""Images out of images with transformers, in a device process: depth maps, and restoration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForDepthEstimation, AutoModelForImageToImage

from aimass_stream.adapters.storing import png_of, store
from aimass_stream.adapters.vision import ImageModel, Outputs, Seen
from aimass_stream.codecs.images import Pixels
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Depth, Picture
from aimass_stream.records.image import PNG

_METRIC = frozenset({"glpn", "zoedepth"})


class DepthEstimator(ImageModel):
    """The `Predictor` of `Transformers("depth-estimation", ...)`.

    DPT, Depth Anything, GLPN and whatever the library lists and brings to an image's size by
    `post_process_depth_estimation`.

    Args:
        spec: the resolved declaration.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such model that can be loaded.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._store = store()
        super().__init__(spec, device, AutoModelForDepthEstimation, "depth model")

    def _set_up(self) -> None:
        if not hasattr(self._processor, "post_process_depth_estimation"):
            raise SetupError(
                f"The image processor in {self._folder} is none for depth. Save the model's own "
                "with processor.save_pretrained(folder)."
            )
        config = self._model.config
        metric = config.model_type in _METRIC or (
            getattr(config, "depth_estimation_type", "relative") == "metric"
        )
        self._unit: Literal["metre", "relative"] = "metre" if metric else "relative"

    def _forward(self, inputs: Sequence[Seen]) -> dict[str, torch.Tensor]:
        found = self._model(pixel_values=self._pixels(inputs))
        return {"predicted_depth": found.predicted_depth}

    def _answer(self, outputs: dict[str, torch.Tensor], seen: Seen) -> Depth:
        (found,) = self._processor.post_process_depth_estimation(
            Outputs(outputs), target_sizes=[(seen.height, seen.width)]
        )
        depth: NDArray[np.float32] = found["predicted_depth"].numpy()
        least, most = float(depth.min()), float(depth.max())
        scaled = (depth - least) / (most - least if most > least else 1.0) * 65535
        claim = self._store.put(png_of(scaled.round().astype(np.uint16)), PNG)
        median = float(np.median(depth))
        return Depth(claim, seen.width, seen.height, least, median, most, self._unit)


class Restorer(ImageModel):
    """The `Predictor` of `Transformers("image-to-image", ...)`: Swin2SR.

    An image is taken at its own size and comes back enlarged, without the edge that the processor
    adds to it.

    Args:
        spec: the resolved declaration.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such model that can be loaded.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._store = store()
        self._factor = 1
        super().__init__(spec, device, AutoModelForImageToImage, "restoration model")

    def _set_up(self) -> None:
        self._factor = int(getattr(self._model.config, "upscale", 1))

    def _prepare(self, cleaned: Pixels) -> Seen:
        """As it is taken; TOO_LARGE also where the enlarged image would be."""
        pixels = cleaned.shape[0] * cleaned.shape[1] * self._factor**2
        if pixels > self._limits.image_pixels:
            raise RecordError(
                Reason.TOO_LARGE,
                f"{cleaned.shape[1]} x {cleaned.shape[0]} pixels, enlarged {self._factor} times, "
                f"are more than the limit of {self._limits.image_pixels}",
            )
        return super()._prepare(cleaned)

    def _forward(self, inputs: Sequence[Seen]) -> dict[str, torch.Tensor]:
        return {"made": self._model(pixel_values=self._pixels(inputs)).reconstruction}

    def _answer(self, outputs: dict[str, torch.Tensor], seen: Seen) -> Picture:
        height, width = seen.height * self._factor, seen.width * self._factor
        made = outputs["made"][0, :, :height, :width].clamp(0, 1)
        pixels = (made * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        claim = self._store.put(png_of(np.ascontiguousarray(pixels)), PNG)
        return Picture(claim, width, height)
