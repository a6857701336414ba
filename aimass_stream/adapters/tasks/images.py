"""Tasks whose records are images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aimass_stream.adapters.tasks.task import (
    DTYPE,
    FULL_ENGINE,
    MANY,
    THRESHOLD,
    TOP,
    Common,
    Setting,
    Task,
    Told,
    engine_clash,
    names_or_none,
    on_or_off,
    template_of,
)
from aimass_stream.adapters.tasks.told import read_names
from aimass_stream.codecs.image_headers import read_header
from aimass_stream.errors import RecordError
from aimass_stream.records import (
    Depth,
    Detections,
    Embedding,
    Picture,
    PosedDetections,
    Prediction,
    Record,
    Segmentation,
    VisualAnomaly,
)
from aimass_stream.transforms.chain import Chain, Kind, chain_of

_HOME = "aimass_stream.adapters."
_PIXELS_A_UNIT = 65_536


class Images(Common, total=False):
    """Settings of every task on images."""

    before: Chain


class NetworkClassification(Images, total=False):
    """Settings of `image-classification` by a network of one's own."""

    top: int
    scaled_decode: bool


class ImageClassification(NetworkClassification, total=False):
    """Settings of `image-classification`."""

    dtype: str
    engine: str


class Detection(Images, total=False):
    """Settings of `object-detection`."""

    threshold: float
    top: int


class OpenDetection(Detection, total=False):
    """Settings of `zero-shot-object-detection`."""

    labels: Sequence[str]
    template: str


class OpenImageClassification(Images, total=False):
    """Settings of `zero-shot-image-classification`."""

    labels: Sequence[str]
    template: str
    top: int


class SemanticSegmentation(Images, total=False):
    """Settings of `image-segmentation`."""

    masks: bool


def pixels_cost(record: Record, settings: Mapping[str, Any]) -> float:
    """How large an image is that a model takes as it comes, in units of 256 x 256 pixels."""
    del settings
    try:
        header = read_header(record.bytes)
    except RecordError:
        return 1.0
    return max(1.0, header.width * header.height / _PIXELS_A_UNIT)


_SCALED = Setting(default=False, problem=on_or_off)
_BEFORE = Setting([], chain_of(Kind.IMAGE))
_PHRASE = Setting("a photo of a {label}", template_of("label"))
_NAMES = Setting([], names_or_none)
_NAMES_OF_RECORDS = Told(lambda settings: not settings["labels"], read_names, is_required=True)

IMAGE_TASKS: Mapping[str, Task] = {
    "image-classification": Task(
        _HOME + "transformers_images:ImageClassifier",
        Prediction,
        {
            "top": TOP,
            "scaled_decode": _SCALED,
            "dtype": DTYPE,
            "engine": FULL_ENGINE,
            "before": _BEFORE,
        },
        clash=engine_clash,
    ),
    "object-detection": Task(
        _HOME + "transformers_detection:ObjectDetector",
        Detections,
        {"threshold": THRESHOLD, "top": MANY, "before": _BEFORE},
    ),
    "image-segmentation": Task(
        _HOME + "transformers_segmentation:SemanticSegmenter",
        Segmentation,
        {"masks": Setting(default=True, problem=on_or_off), "before": _BEFORE},
    ),
    "zero-shot-object-detection": Task(
        _HOME + "transformers_open_vocabulary:OpenDetector",
        Detections,
        {
            "labels": _NAMES,
            "template": _PHRASE,
            "threshold": THRESHOLD,
            "top": MANY,
            "before": _BEFORE,
        },
        told=_NAMES_OF_RECORDS,
    ),
    "zero-shot-image-classification": Task(
        _HOME + "transformers_open_vocabulary:OpenClassifier",
        Prediction,
        {"labels": _NAMES, "template": _PHRASE, "top": TOP, "before": _BEFORE},
        told=_NAMES_OF_RECORDS,
    ),
    "depth-estimation": Task(
        _HOME + "transformers_maps:DepthEstimator", Depth, {"before": _BEFORE}
    ),
    "image-to-image": Task(
        _HOME + "transformers_maps:Restorer", Picture, {"before": _BEFORE}, pixels_cost
    ),
    "image-embedding": Task(
        _HOME + "transformers_image_embeddings:ImageEncoder", Embedding, {"before": _BEFORE}
    ),
    "visual-anomaly": Task(_HOME + "transformers_defects:DefectFinder", VisualAnomaly, {}),
}
"""By name."""

TORCH_TASKS: Mapping[str, Task] = {
    "image-classification": Task(
        _HOME + "torch_images:NetworkClassifier",
        Prediction,
        {"top": TOP, "scaled_decode": _SCALED, "before": _BEFORE},
    ),
    "object-detection": Task(
        _HOME + "torch_detection:NetworkDetector",
        Detections,
        {"threshold": THRESHOLD, "top": MANY, "before": _BEFORE},
        pixels_cost,
    ),
    "instance-segmentation": Task(
        _HOME + "torch_detection:NetworkDetector",
        Detections,
        {"threshold": THRESHOLD, "top": MANY, "before": _BEFORE},
        pixels_cost,
    ),
    "keypoint-detection": Task(
        _HOME + "torch_detection:NetworkDetector",
        PosedDetections,
        {"threshold": THRESHOLD, "top": MANY, "before": _BEFORE},
        pixels_cost,
    ),
}
"""Those of networks that are no transformers models, by name."""
