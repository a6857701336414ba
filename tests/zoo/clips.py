"""Video classification."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageSequence
from transformers import (
    AutoModelForVideoClassification,
    TimesformerConfig,
    TimesformerForVideoClassification,
    VideoMAEConfig,
    VideoMAEForVideoClassification,
    VideoMAEImageProcessorPil,
    VivitConfig,
    VivitForVideoClassification,
)
from transformers.models.vivit.image_processing_vivit import VivitImageProcessor

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.errors import Reason
from aimass_stream.records import Clip, Prediction
from tests.codecs.clip_files import clip
from tests.zoo.case import Case
from tests.zoo.library import model_of, processor_of

FRAMES, EDGE = 4, 32
LABELS = {0: "open", 1: "close", 2: "wave"}
SIZE: dict[str, Any] = {
    "num_frames": FRAMES,
    "image_size": EDGE,
    "patch_size": 8,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "initializer_range": 0.5,
    "id2label": LABELS,
}
CLIPS = [
    clip(FRAMES, 40, 40, 0),
    clip(11, 40, 40, 1),
    clip(6, 32, 60, 2, "WEBP"),
    clip(3, 70, 33, 3),
]


def save_processor(folder: Path) -> None:
    VideoMAEImageProcessorPil(
        size={"shortest_edge": EDGE}, crop_size={"height": EDGE, "width": EDGE}
    ).save_pretrained(folder)


def build_videomae(folder: Path) -> None:
    VideoMAEForVideoClassification(VideoMAEConfig(**SIZE, tubelet_size=2)).save_pretrained(folder)
    save_processor(folder)


def build_timesformer(folder: Path) -> None:
    TimesformerForVideoClassification(TimesformerConfig(**SIZE)).save_pretrained(folder)
    save_processor(folder)


def build_vivit(folder: Path) -> None:
    size = {name: found for name, found in SIZE.items() if name != "patch_size"}
    config = VivitConfig(**size, tubelet_size=[2, 8, 8])
    VivitForVideoClassification(config).save_pretrained(folder)
    VivitImageProcessor(
        size={"shortest_edge": EDGE + 4}, crop_size={"height": EDGE, "width": EDGE}
    ).save_pretrained(folder)


def watch(folder: Path, payload: bytes) -> Prediction:
    """As the library's documentation does it, from frames as Pillow reads them."""
    with Image.open(io.BytesIO(payload)) as image:
        frames = [np.asarray(one.convert("RGB")) for one in ImageSequence.Iterator(image)]
    chosen = [frames[i] for i in np.linspace(0, len(frames) - 1, FRAMES).round().astype(int)]
    model = model_of(AutoModelForVideoClassification, folder)
    if model.config.model_type == "vivit":
        processor = VivitImageProcessor.from_pretrained(folder)
    else:
        processor = processor_of(folder)
    with torch.no_grad():
        logits = model(**processor(chosen, return_tensors="pt")).logits
    scores = logits.softmax(dim=1)[0].tolist()
    ranked = sorted(zip(LABELS.values(), scores, strict=True), key=lambda pair: -pair[1])
    return Prediction(*ranked[0], dict(ranked))


def watcher(folder: str) -> Transformers[Prediction]:
    return Transformers("video-classification", folder)


def case(name: str, build: Callable[[Path], None]) -> Case:
    cut_short = CLIPS[0][: len(CLIPS[0]) // 2]
    return Case(
        f"video-classification-{name}",
        ("V8",),
        build,
        watcher,
        CLIPS,
        watch,
        (cut_short, Reason.UNDECODABLE),
        Clip,
    )


CASES = [
    case("videomae", build_videomae),
    case("timesformer", build_timesformer),
    case("vivit", build_vivit),
]
