"""Detection and instance masks with torchvision's networks, in a device process.

They resize, normalise and decode by themselves, one image at a time inside a batch; a batch is
padded to its largest image there, so images of one size go together and no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aimass_stream.adapters.architecture import build, read_architecture
from aimass_stream.adapters.classification import describe
from aimass_stream.adapters.opening import OpensImages
from aimass_stream.adapters.rows import alike, in_order
from aimass_stream.adapters.transformers_detection import clipped
from aimass_stream.adapters.transformers_segmentation import MAX_RUNS
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
        self._model = build(folder, found, detects=True).to(self._device)
        try:
            (blank,) = self._network([np.zeros((64, 64, 3), np.uint8)])
        except Exception as error:
            raise SetupError(f"{describe(folder, error)} It failed on a blank image.") from error
        if self._masks and "masks" not in blank:
            raise SetupError(
                f"The network in {folder} tells no masks: declare it for object-detection, or "
                "choose a Mask R-CNN."
            )

    def _prepare(self, cleaned: Pixels) -> Pixels:
        return cleaned

    def predict(self, inputs: Sequence[Pixels]) -> list[Detections | RecordError]:
        """What is in each image, in the order of the inputs.

        Masks of more than `MAX_RUNS` runs are a RecordError, TOO_LARGE; numbers that are not
        finite, INVALID_OUTPUT.
        """
        groups = alike(inputs, lambda pixels: pixels.shape)
        return in_order(groups, [self._group([inputs[row] for row in rows]) for rows in groups])

    def close(self) -> None:
        """Give the weights' memory back."""
        del self._model
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _network(self, images: Sequence[Pixels]) -> list[dict[str, torch.Tensor]]:
        given = [
            torch.from_numpy(np.array(image)).to(self._device).permute(2, 0, 1).float() / 255
            for image in images
        ]
        with torch.inference_mode():
            found: list[dict[str, torch.Tensor]] = self._model(given)
        return found

    def _group(self, images: Sequence[Pixels]) -> list[Detections | RecordError]:
        return [
            self._answer({name: each.cpu() for name, each in found.items()}, image.shape[:2])
            for image, found in zip(images, self._network(images), strict=True)
        ]

    def _answer(
        self, found: dict[str, torch.Tensor], size: tuple[int, ...]
    ) -> Detections | RecordError:
        if not (torch.isfinite(found["boxes"]).all() and torch.isfinite(found["scores"]).all()):
            return RecordError(Reason.INVALID_OUTPUT, "the model's numbers are not all finite")
        height, width = size
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
            box = clipped(found["boxes"][row].tolist(), width, height)
            objects.append(Detection(label, score, box, mask))
        if runs > MAX_RUNS:
            detail = f"masks of {runs} runs are more than the limit of {MAX_RUNS}; lower top"
            return RecordError(Reason.TOO_LARGE, detail)
        return Detections(width, height, objects)

    def _mask(self, found: dict[str, Any], row: int) -> Mask | None:
        if not self._masks:
            return None
        return Mask.of((found["masks"][row, 0] > _INSIDE).numpy())
