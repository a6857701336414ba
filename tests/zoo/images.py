"""Image models: classification, open vocabularies, segmentation, depth and restoration."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForImageClassification,
    SwinConfig,
    SwinForImageClassification,
    TimmWrapperConfig,
    TimmWrapperForImageClassification,
    ViTImageProcessorPil,
)

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.codecs.images import Pixels
from aimass_stream.records import Prediction
from tests.zoo.case import Case
from tests.zoo.library import model_of, processor_of
from tests.zoo.pictures import PICTURES, pixels

LABELS = {0: "cat", 1: "dog", 2: "ship", 3: "frog", 4: "tree"}


def sharpen(model: Any, factor: float = 8.0) -> Any:
    """Make scores of random weights differ."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("classifier.weight", "head.fc.weight", "fc.weight")):
                parameter.mul_(factor)
    return model


def settle(model: Any, edge: int) -> Any:
    """Give batch norms the statistics of noise, and answers a spread of about 1."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    model.train()
    with torch.no_grad():
        model(pixel_values=torch.randn(4, 3, edge, edge))
        spread = model.eval()(pixel_values=torch.randn(4, 3, edge, edge)).logits.std()
        *_, last = (part for part in model.modules() if isinstance(part, torch.nn.Linear))
        last.weight.div_(spread)
    return model


def build_timm(architecture: str, edge: int, arguments: dict[str, Any], folder: Path) -> None:
    config = TimmWrapperConfig(
        architecture=architecture,
        id2label=LABELS,
        model_args=arguments,
        pretrained_cfg={
            "input_size": [3, edge, edge],
            "mean": [0.5, 0.4, 0.3],
            "std": [0.2, 0.25, 0.3],
            "crop_pct": 0.9,
            "interpolation": "bicubic",
        },
    )
    settle(TimmWrapperForImageClassification(config), edge).save_pretrained(folder)


def build_swin(folder: Path) -> None:
    config = SwinConfig(
        image_size=32,
        patch_size=2,
        embed_dim=16,
        depths=[1, 1],
        num_heads=[2, 2],
        window_size=4,
        id2label=LABELS,
    )
    sharpen(SwinForImageClassification(config), 40).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)


def classify(folder: Path, payload: bytes) -> Prediction:
    """As the library's documentation does it."""
    return classify_pixels(folder, pixels(payload))


def classify_pixels(folder: Path, image: Pixels, **how: Any) -> Prediction:
    processor = processor_of(folder)
    model = model_of(AutoModelForImageClassification, folder)
    with torch.no_grad():
        inputs = processor(image, return_tensors="pt", **how)
        scores = model(**inputs).logits.softmax(dim=1)[0].tolist()
    ranked = sorted(zip(LABELS.values(), scores, strict=True), key=lambda pair: -pair[1])
    return Prediction(*ranked[0], dict(ranked))


def classifier(folder: str) -> Transformers[Prediction]:
    return Transformers("image-classification", folder, top=5)


def timm_case(architecture: str, edge: int, rows: tuple[str, ...], **arguments: Any) -> Case:
    return Case(
        f"image-classification-timm-{architecture}",
        rows,
        partial(build_timm, architecture, edge, arguments),
        classifier,
        PICTURES,
        classify,
        needs="timm",
    )


CASES = [
    timm_case("test_resnet", 32, ("V2",)),
    timm_case("vgg16", 32, ("V2",), mlp_ratio=0.02),
    timm_case("inception_v3", 96, ("V2",)),
    Case("image-classification-swin", ("V3",), build_swin, classifier, PICTURES, classify),
]
