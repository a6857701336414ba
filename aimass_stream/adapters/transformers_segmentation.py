"""Semantic segmentation with transformers, in a device process."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSemanticSegmentation

from aimass_stream.adapters.vision import ImageModel, Seen, class_names
from aimass_stream.errors import Reason, RecordError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Mask, Region, Segmentation

MAX_RUNS = 100_000
"""Runs of all masks of an answer; as JSON they take some 500 KB, and a message holds 900."""

_ENLARGED_NUMBERS = 1 << 24


class SemanticSegmenter(ImageModel):
    """The `Predictor` of `Transformers("image-segmentation", ...)`.

    Every pixel of the image as it was sent gets the class whose score, enlarged bilinearly to
    that size, is highest, as the library's own post-processing does it.

    Args:
        spec: the resolved declaration; option `masks`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such model that can be loaded.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        super().__init__(spec, device, AutoModelForSemanticSegmentation, "segmentation model")

    def _set_up(self) -> None:
        self._names = class_names(self._model.config)

    def _forward(self, inputs: Sequence[Seen]) -> dict[str, torch.Tensor]:
        return {"logits": self._model(pixel_values=self._pixels(inputs)).logits}

    def _answer(self, outputs: dict[str, torch.Tensor], seen: Seen) -> Segmentation | RecordError:
        classes = best_classes(outputs["logits"], seen.height, seen.width)
        counts = np.bincount(classes.ravel())
        order = sorted(np.flatnonzero(counts).tolist(), key=lambda one: (-counts[one], one))
        masked = bool(self._options.get("masks", True))
        regions = [
            Region(
                self._names.get(one, str(one)),
                float(counts[one] / classes.size),
                Mask.of(classes == one) if masked else None,
            )
            for one in order
        ]
        runs = sum(len(region.mask.counts) for region in regions if region.mask is not None)
        if runs > MAX_RUNS:
            return RecordError(
                Reason.TOO_LARGE,
                f"masks of {runs} runs are more than the limit of {MAX_RUNS}; declare masks=False "
                "for the shares alone",
            )
        return Segmentation(seen.width, seen.height, regions)


def best_classes(logits: torch.Tensor, height: int, width: int) -> NDArray[np.int64]:
    """The class of every pixel, `(height, width)`, from `(1, classes, rows, columns)`.

    A few classes are enlarged at a time: all of a large image's would take gigabytes.
    """
    step = max(1, _ENLARGED_NUMBERS // (height * width))
    best = torch.full((height, width), -torch.inf)
    classes = torch.zeros((height, width), dtype=torch.int64)
    for first in range(0, logits.shape[1], step):
        part = torch.nn.functional.interpolate(
            logits[:, first : first + step],
            size=(height, width),
            mode="bilinear",
            align_corners=False,
        )
        highest, at = part[0].max(dim=0)
        better = highest > best
        best = torch.where(better, highest, best)
        classes = torch.where(better, at + first, classes)
    found: NDArray[np.int64] = classes.numpy()
    return found
