"""Detection, instance masks and keypoints with networks of torchvision and YOLOX.

In device processes only. Torchvision's resize, normalise and decode by themselves, one image at a
time inside a batch; a batch is padded to its largest image there, so images of one size go together
and no others.
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
from aimass_stream.records import (
    Detection,
    Detections,
    Keypoint,
    Mask,
    PosedDetection,
    PosedDetections,
)
from aimass_stream.records.detections import Box

_INSIDE = 0.5
_MASKS, _KEYPOINTS = "instance-segmentation", "keypoint-detection"
_NUMBERS = ("boxes", "scores", "keypoints", "keypoints_scores")

Answer = Detections | PosedDetections | RecordError
"""What is said of an image."""


class NetworkDetector(OpensImages):
    """The `Predictor` of `Torch` for `object-detection`, and with masks or keypoints beside.

    Args:
        spec: the resolved declaration; options `threshold` and `top`.
        device: `cpu` or `cuda:0`.

    Attributes:
        keypoint_names: the parts whose places it tells, which a graph may turn crops by.

    Raises:
        SetupError: the folder holds no such network that can be loaded, it fails on a blank
            image, or gives no masks or keypoints where the task is to.
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
        self._task = str(spec.options.get("task", ""))
        self.keypoint_names = found.keypoints
        network = build(folder, found, detects=True).to(self._device)
        self._detect = _detector(network, found, self._threshold)
        try:
            (blank,) = self._detect([self._prepare(np.zeros((64, 64, 3), np.uint8))])
        except Exception as error:
            raise SetupError(f"{describe(folder, error)} It failed on a blank image.") from error
        self._check(folder, blank)

    def _prepare(self, cleaned: Pixels) -> Seen:
        return Seen(self._detect.prepare(cleaned), cleaned.shape[1], cleaned.shape[0])

    def predict(self, inputs: Sequence[Seen]) -> list[Answer]:
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

    def _group(self, images: Sequence[Seen]) -> list[Answer]:
        return [
            self._answer({name: each.cpu() for name, each in found.items()}, image)
            for image, found in zip(images, self._detect(images), strict=True)
        ]

    def _check(self, folder: Path, blank: dict[str, torch.Tensor]) -> None:
        """See that what the task needs is among what the network says."""
        if self._task == _MASKS and "masks" not in blank:
            raise SetupError(
                f"The network in {folder} tells no masks: declare it for object-detection, or "
                "choose a Mask R-CNN."
            )
        if self._task == _KEYPOINTS and not (self.keypoint_names and "keypoints" in blank):
            raise SetupError(
                f"The network in {folder} tells no keypoints, or architecture.json does not name "
                "them: declare it for object-detection, or choose a Keypoint R-CNN and list its "
                "`keypoints`."
            )

    def _answer(self, found: dict[str, torch.Tensor], seen: Seen) -> Answer:
        if not all(torch.isfinite(found[name]).all() for name in _NUMBERS if name in found):
            return RecordError(Reason.INVALID_OUTPUT, "the model's numbers are not all finite")
        order = found["scores"].argsort(descending=True, stable=True).tolist()
        rows = [row for row in order[: self._top] if float(found["scores"][row]) >= self._threshold]
        if self._task == _KEYPOINTS:
            posed = [self._posed(found, row, seen) for row in rows]
            return PosedDetections(seen.width, seen.height, posed)
        masks = [self._mask(found, row) for row in rows]
        runs = sum(len(mask.counts) for mask in masks if mask is not None)
        if runs > MAX_RUNS:
            detail = f"masks of {runs} runs are more than the limit of {MAX_RUNS}; lower top"
            return RecordError(Reason.TOO_LARGE, detail)
        objects = [
            Detection(*self._seen_as(found, row, seen), mask)
            for row, mask in zip(rows, masks, strict=True)
        ]
        return Detections(seen.width, seen.height, objects)

    def _mask(self, found: dict[str, torch.Tensor], row: int) -> Mask | None:
        if self._task != _MASKS:
            return None
        return Mask.of((found["masks"][row, 0] > _INSIDE).numpy())

    def _seen_as(
        self, found: dict[str, torch.Tensor], row: int, seen: Seen
    ) -> tuple[str, float, Box]:
        label = self._labels[int(found["labels"][row])]
        box = clipped(found["boxes"][row].tolist(), seen.width, seen.height)
        return label, float(found["scores"][row]), box

    def _posed(self, found: dict[str, torch.Tensor], row: int, seen: Seen) -> PosedDetection:
        places = found["keypoints"][row, :, :2].tolist()
        # The network's are peaks of heat maps, without a bound; 0 there is 0.5 here.
        scores = found["keypoints_scores"][row].sigmoid().tolist()
        keypoints = [
            Keypoint(part, x, y, score)
            for part, (x, y), score in zip(self.keypoint_names, places, scores, strict=True)
        ]
        return PosedDetection(*self._seen_as(found, row, seen), keypoints=keypoints)


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
