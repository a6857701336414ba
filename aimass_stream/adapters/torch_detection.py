"""Detection and instance masks with networks of torchvision and YOLOX, in a device process.

Torchvision's resize, normalise and decode by themselves, one image at a time inside a batch; a
batch is padded to its largest image there, so images of one size go together and no others.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aimass_stream.adapters.architecture import Architecture, build, read_architecture
from aimass_stream.adapters.classification import describe
from aimass_stream.adapters.opening import OpensImages
from aimass_stream.adapters.rows import alike, in_order
from aimass_stream.adapters.transformers_detection import clipped
from aimass_stream.adapters.transformers_segmentation import MAX_RUNS
from aimass_stream.adapters.vision import Seen
from aimass_stream.adapters.yolox_detection import GridDetector, configure
from aimass_stream.codecs.images import Pixels
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Detection, Detections, Mask

_INSIDE = 0.5


class NetworkDetector(OpensImages):
    """The `Predictor` of `Torch("object-detection", ...)` and `("instance-segmentation", ...)`.

    Args:
        spec: the resolved declaration; options `threshold` and `top`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such network that can be loaded, it fails on a blank
            image, or gives no masks where the task is to.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        folder = Path(spec.folder)
        found = read_architecture(folder)
        self._labels = found.labels
        self.open_within(spec)
        self._device = torch.device(device)
        if self._device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = False
        self._threshold = float(spec.options.get("threshold", 0.5))
        self._top = int(spec.options.get("top", 100))
        self._masks = spec.options.get("task") == "instance-segmentation"
        network = build(folder, found, detects=True).to(self._device)
        self._detect = _detector(network, found, self._threshold)
        try:
            (blank,) = self._detect([self._prepare(np.zeros((64, 64, 3), np.uint8))])
        except Exception as error:
            raise SetupError(f"{describe(folder, error)} It failed on a blank image.") from error
        if self._masks and "masks" not in blank:
            raise SetupError(
                f"The network in {folder} tells no masks: declare it for object-detection, or "
                "choose a Mask R-CNN."
            )

    def _prepare(self, cleaned: Pixels) -> Seen:
        return Seen(self._detect.prepare(cleaned), cleaned.shape[1], cleaned.shape[0])

    def predict(self, inputs: Sequence[Seen]) -> list[Detections | RecordError]:
        """What is in each image, in the order of the inputs.

        Masks of more than `MAX_RUNS` runs are a RecordError, TOO_LARGE; numbers that are not
        finite, INVALID_OUTPUT.
        """
        groups = alike(inputs, self._detect.key)
        return in_order(groups, [self._group([inputs[row] for row in rows]) for rows in groups])

    def close(self) -> None:
        """Give the weights' memory back."""
        del self._detect
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _group(self, images: Sequence[Seen]) -> list[Detections | RecordError]:
        return [
            self._answer({name: each.cpu() for name, each in found.items()}, image)
            for image, found in zip(images, self._detect(images), strict=True)
        ]

    def _answer(self, found: dict[str, torch.Tensor], seen: Seen) -> Detections | RecordError:
        if not (torch.isfinite(found["boxes"]).all() and torch.isfinite(found["scores"]).all()):
            return RecordError(Reason.INVALID_OUTPUT, "the model's numbers are not all finite")
        objects: list[Detection] = []
        runs = 0
        order = found["scores"].argsort(descending=True, stable=True).tolist()
        for row in order[: self._top]:
            score = float(found["scores"][row])
            if score < self._threshold:
                break
            mask = self._mask(found, row)
            runs += 0 if mask is None else len(mask.counts)
            label = self._labels[int(found["labels"][row])]
            box = clipped(found["boxes"][row].tolist(), seen.width, seen.height)
            objects.append(Detection(label, score, box, mask))
        if runs > MAX_RUNS:
            detail = f"masks of {runs} runs are more than the limit of {MAX_RUNS}; lower top"
            return RecordError(Reason.TOO_LARGE, detail)
        return Detections(seen.width, seen.height, objects)

    def _mask(self, found: dict[str, Any], row: int) -> Mask | None:
        if not self._masks:
            return None
        return Mask.of((found["masks"][row, 0] > _INSIDE).numpy())


class WholeImages:
    """A loaded detector of torchvision, which is given images as they are.

    Args:
        network: with its weights, on its device.
    """

    def __init__(self, network: Any) -> None:
        self._network = network

    def key(self, seen: Seen) -> Hashable:
        """The image's size."""
        return seen.height, seen.width

    def prepare(self, image: Pixels) -> Pixels:
        """The image itself, `(height, width, 3)` uint8."""
        return image

    def __call__(self, inputs: Sequence[Seen]) -> list[dict[str, torch.Tensor]]:
        """`boxes` in pixels of the image, `scores`, `labels` and maybe `masks`, for each image."""
        device = next(self._network.parameters()).device
        given = [
            torch.from_numpy(np.array(seen.pixels)).to(device).permute(2, 0, 1).float() / 255
            for seen in inputs
        ]
        with torch.inference_mode():
            found: list[dict[str, torch.Tensor]] = self._network(given)
        return found


def _detector(network: Any, found: Architecture, threshold: float) -> WholeImages | GridDetector:
    if found.library == "yolox":
        config = configure(len(found.labels), found.arguments)
        return GridDetector(network, config, threshold)
    return WholeImages(network)
