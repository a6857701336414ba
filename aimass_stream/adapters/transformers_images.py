"""Image classification with transformers, in a device process.

Decoding and the processor's resizing run in the decode threads and leave uint8 pixels, a
quarter of the bytes floats would take; scaling and normalising run on the device, per batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoModelForImageClassification

# From its own module: the package's own name for it is bound to torchvision.
from transformers.models.auto.image_processing_auto import AutoImageProcessor

from aimass_stream.adapters.classification import Classifier, Features, load_processor
from aimass_stream.adapters.engines import TORCH, engine_of
from aimass_stream.adapters.engines.movable import Movable
from aimass_stream.adapters.layout import ROWS_TRIED, lay_out
from aimass_stream.adapters.opening import OpensImages, settings_of
from aimass_stream.codecs.images import Pixels
from aimass_stream.errors import Reason, RecordError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Limits

_TIMM = "TimmWrapperImageProcessor"
_PROBE_SHAPES = ((53, 71), (911, 641))
_PROBES = 8

Input = NDArray[np.uint8] | NDArray[np.float32]
"""A decoded image: `(channels, height, width)`, uint8, or float32 where a processor insists."""


class ImageClassifier(OpensImages, Classifier, Movable):
    """The `Predictor` of `Transformers("image-classification", ...)`.

    Images of one shape make one forward pass; rows do not depend on each other, so an image
    alone and in a batch gets the same scores within 1e-4.

    Args:
        spec: the resolved declaration; options `top`, `scaled_decode` and `engine`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no image classifier that can be loaded, or it answers
            a blank image with something other than one finite score per label; or the engine
            answers otherwise than torch.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._preparation = Preparation(load_image_processor(Path(spec.folder)), spec.limits)
        scaled = spec.options.get("scaled_decode", False)
        at_least = self._preparation.edge * 2 if scaled else None
        self.open_within(spec, self._preparation.settings, at_least)
        if self._preparation.only_resizes:
            self.from_picture = self._preparation.resize
        super().__init__(spec, device, AutoModelForImageClassification, "image")
        scale, shift = self._preparation.affine
        self._scale = torch.from_numpy(scale).to(self._device).view(1, -1, 1, 1)
        self._shift = torch.from_numpy(shift).to(self._device).view(1, -1, 1, 1)
        blank = self._preparation(np.zeros((64, 64, 3), np.uint8))
        self._try_out(blank)
        self._move(spec)
        if engine_of(spec.options) == TORCH:
            lay_out(self._model, lambda: self._logits([blank] * ROWS_TRIED))

    def _prepare(self, cleaned: Pixels) -> Input:
        return self._preparation(cleaned)

    def _forward(self, inputs: Sequence[Features]) -> Any:
        return self._model(**self._arguments(inputs))

    def _arguments(self, inputs: Sequence[Features]) -> dict[str, torch.Tensor]:
        pixels = scaled(self._transfers.send_rows(inputs), self._scale, self._shift)
        return {"pixel_values": pixels.to(self._model.dtype)}

    def _probes(self) -> list[Input]:
        small, large = _PROBE_SHAPES
        shapes = [small] * (_PROBES - 2) + [large] * 2
        return [self._preparation(_probe(shape, seed)) for seed, shape in enumerate(shapes)]

    def _axes(self, probes: Sequence[Input]) -> dict[int, str]:
        # Some networks cut an image of one size into windows, and are recorded for that size only.
        if len({probe.shape for probe in probes}) == 1:
            return {0: "rows"}
        return {0: "rows", 2: "height", 3: "width"}

    def _scores(self, inputs: Sequence[Input]) -> torch.Tensor:
        return self._logits(inputs).softmax(dim=1)


def scaled(stacked: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """`stacked * scale + shift`, float32, with the axes of `stacked` in their order in memory."""
    pixels = stacked.to(torch.float32, memory_format=torch.contiguous_format, copy=True)
    return pixels.mul_(scale).add_(shift)


class Preparation:
    """What an image processor does to one RGB image, split in two.

    Calling it resizes and crops, with the processor's own code, and keeps uint8. `affine` is
    the rest, `pixels * scale + shift` per channel. Where a processor cannot be split so without
    changing its result, calling it does everything and `affine` changes nothing.

    Args:
        processor: a transformers image processor.
        limits: bounds on what an image may be enlarged to.

    Attributes:
        affine: scale and shift, `(channels,)` float32 each.
        edge: the longer edge, in pixels, of what the model is given.
        settings: equal for processors that prepare alike; None where that cannot be told.
        only_resizes: whether there is no more to calling it than `resize`.
    """

    def __init__(self, processor: Any, limits: Limits) -> None:
        self._processor = processor
        self._limits = limits
        self.settings = settings_of(processor)
        size = dict(getattr(processor, "size", None) or {})
        self._shortest = _shortest_edge(processor, size)
        self.edge = max((edge for edge in size.values() if isinstance(edge, int)), default=1)
        self._split = {"do_rescale": False, "do_normalize": False}
        self._size = (0, 0)
        self.only_resizes = False
        self.affine = _affine(processor)
        if not self._splits():
            self._split = {}
            self.affine = (np.ones(3, np.float32), np.zeros(3, np.float32))
        elif "height" in size and "width" in size:
            self._size = (size["width"], size["height"])
            self.only_resizes = self._gives_resized(self._size)

    def __call__(self, image: Pixels) -> Input:
        """Resize and crop one image.

        Raises:
            RecordError: TOO_LARGE; resizing its shorter edge would make the longer one huge.
        """
        height, width = image.shape[:2]
        pixels = self._shortest**2 * max(height, width) / min(height, width)
        if pixels > self._limits.image_pixels:
            raise RecordError(
                Reason.TOO_LARGE,
                f"{width} x {height} pixels would be resized to more than the limit of "
                f"{self._limits.image_pixels}",
            )
        if self.only_resizes:
            return self.resize(Image.fromarray(image))
        return self._process(image, self._split)

    def resize(self, picture: Image.Image) -> Input:
        """What calling it gives for the picture's pixels, where it only resizes.

        The channels of a pixel lie beside each other; they are moved apart with their batch.
        """
        return _resize(picture, self._size, self._processor.resample)

    def _gives_resized(self, size: tuple[int, int]) -> bool:
        """Whether Pillow alone gives the same pixels.

        The library checks types and formats around it for each image, under Python's lock.
        """
        resample = getattr(self._processor, "resample", None)
        return isinstance(resample, int) and all(
            np.array_equal(
                _resize(Image.fromarray(probe), size, resample), self._process(probe, self._split)
            )
            for probe in map(_probe, _PROBE_SHAPES)
        )

    def _process(self, image: Pixels, changes: dict[str, bool]) -> Input:
        # Said, not inferred: three rows of pixels look like three channels.
        made = self._processor(
            image, return_tensors="np", input_data_format="channels_last", **changes
        )
        pixels: Input = made["pixel_values"][0]
        return pixels

    def _splits(self) -> bool:
        """Whether both halves together give what the whole processor gives."""
        probe = _probe((53, 71))
        whole = self._process(probe, {})
        try:
            half = self._process(probe, self._split)
        except (TypeError, ValueError):
            return False
        if half.dtype != np.uint8 or half.shape != whole.shape:
            return False
        scale, shift = (part[:, np.newaxis, np.newaxis] for part in self.affine)
        return bool(np.allclose(half * scale + shift, whole, rtol=0, atol=1e-5))


def _resize(picture: Image.Image, size: tuple[int, int], resample: int) -> Input:
    return np.asarray(picture.resize(size, Image.Resampling(resample))).transpose(2, 0, 1)


def _probe(shape: tuple[int, int], seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def _affine(processor: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    scale, shift = np.ones(3), np.zeros(3)
    if getattr(processor, "do_rescale", False):
        scale = scale * processor.rescale_factor
    if getattr(processor, "do_normalize", False):
        mean, std = np.asarray(processor.image_mean), np.asarray(processor.image_std)
        scale, shift = scale / std, -mean / std
    return scale.astype(np.float32), shift.astype(np.float32)


def _shortest_edge(processor: Any, size: dict[str, Any]) -> float:
    """Pixels the shorter edge is resized to; 0 where both edges are given."""
    if not getattr(processor, "do_resize", True):
        return 0.0
    return float(size.get("shortest_edge") or 0) / float(getattr(processor, "crop_pct", 1) or 1)


def load_image_processor(folder: Path) -> Any:
    """The image processor saved in a model folder, in its Pillow form.

    Raises:
        SetupError: there is none that can be loaded.
    """
    # The Pillow processors need no torchvision, and give the same pixels on every machine.
    found = load_processor(AutoImageProcessor.from_pretrained, folder, backend="pil")
    return _TimmProcessor(found) if type(found).__name__ == _TIMM else found


class _TimmProcessor:
    """timm's own transforms, which know nothing of NumPy, called as any other processor is.

    Args:
        processor: the library's wrapper around them.
    """

    def __init__(self, processor: Any) -> None:
        self._transform = processor.preprocess
        shape = processor.data_config["input_size"]
        self.size = {"shortest_edge": max(shape[1:])}
        self.crop_pct = processor.data_config.get("crop_pct") or 1
        self.image_mean = list(processor.data_config["mean"])
        self.image_std = list(processor.data_config["std"])

    def __call__(self, image: Pixels, **told: Any) -> dict[str, Any]:
        if told.keys() & {"do_rescale", "do_normalize"}:
            raise TypeError("timm's transforms are one whole")
        made = self._transform(Image.fromarray(image), return_tensors="pt")
        return {"pixel_values": made["pixel_values"].numpy()}
