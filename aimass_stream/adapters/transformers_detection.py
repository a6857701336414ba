"""Object detection with transformers, in a device process.

Boxes are decoded by the library's own image processors, which know how each family writes them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import AutoModelForObjectDetection

from aimass_stream.adapters.vision import ImageModel, Outputs, Seen, class_names
from aimass_stream.errors import SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Detection, Detections
from aimass_stream.records.detections import Box


class ObjectDetector(ImageModel):
    """The `Predictor` of `Transformers("object-detection", ...)`.

    D-FINE, RT-DETR, YOLOS, DETR, Deformable DETR and whatever else the library lists.

    Args:
        spec: the resolved declaration; options `threshold` and `top`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no object detector that can be loaded.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        super().__init__(spec, device, AutoModelForObjectDetection, "object detector")

    def _set_up(self) -> None:
        if not hasattr(self._processor, "post_process_object_detection"):
            raise SetupError(
                f"The image processor in {self._folder} is none for object detection. Save the "
                "model's own with processor.save_pretrained(folder)."
            )
        self._names = class_names(self._model.config)

    def _forward(self, inputs: Sequence[Seen]) -> dict[str, torch.Tensor]:
        found = self._model(pixel_values=self._pixels(inputs))
        return {"logits": found.logits, "pred_boxes": found.pred_boxes}

    def _answer(self, outputs: dict[str, torch.Tensor], seen: Seen) -> Detections:
        (found,) = self._processor.post_process_object_detection(
            Outputs(outputs),
            threshold=float(self._options.get("threshold", 0.5)),
            target_sizes=torch.tensor([(seen.height, seen.width)]),
        )
        return detections_of(found, self._names, seen, int(self._options.get("top", 100)))


def detections_of(
    found: dict[str, torch.Tensor], names: dict[int, str], seen: Seen, top: int
) -> Detections:
    """What the library calls `scores`, `labels` and `boxes`, best first and within the image."""
    best = torch.argsort(found["scores"], descending=True, stable=True)[:top]
    rows = zip(
        found["labels"][best].tolist(),
        found["scores"][best].tolist(),
        found["boxes"][best].tolist(),
        strict=True,
    )
    objects = [
        Detection(names.get(label, str(label)), score, clipped(box, seen.width, seen.height))
        for label, score, box in rows
    ]
    return Detections(seen.width, seen.height, objects)


def clipped(box: Sequence[float], width: int, height: int) -> Box:
    """A box without what lies outside of its image."""
    x0, y0, x1, y1 = box
    return (
        min(max(x0, 0.0), float(width)),
        min(max(y0, 0.0), float(height)),
        min(max(x1, 0.0), float(width)),
        min(max(y1, 0.0), float(height)),
    )
