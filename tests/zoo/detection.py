"""Detectors of classes that were trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForObjectDetection,
    DeformableDetrConfig,
    DeformableDetrForObjectDetection,
    DeformableDetrImageProcessorPil,
    DetrConfig,
    DetrForObjectDetection,
    DetrImageProcessorPil,
    DFineConfig,
    DFineForObjectDetection,
    HGNetV2Config,
    ResNetConfig,
    RTDetrConfig,
    RTDetrForObjectDetection,
    RTDetrImageProcessorPil,
    RTDetrResNetConfig,
    YolosConfig,
    YolosForObjectDetection,
    YolosImageProcessorPil,
)

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.records import Detection, Detections
from tests.zoo.case import Case
from tests.zoo.library import model_of, processor_of
from tests.zoo.pictures import PICTURES, pixels

LABELS = {0: "person", 1: "car", 2: "cat", 3: "lamp"}
SMALL: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "num_queries": 10,
    "id2label": LABELS,
}
RESNET: dict[str, Any] = {
    "embedding_size": 8,
    "hidden_sizes": [8, 8, 16, 16],
    "depths": [1, 1, 1, 1],
    "layer_type": "basic",
}
EDGES = {"shortest_edge": 48, "longest_edge": 80}
SQUARE = {"height": 64, "width": 64}


def save(model: Any, processor: Any, folder: Path) -> None:
    """With scores and boxes that differ from image to image."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "class" in name and "bias" in name:
                parameter.normal_()
            elif ("class" in name or "bbox" in name) and parameter.ndim > 1:
                parameter.mul_(4)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def build_detr(folder: Path) -> None:
    backbone = ResNetConfig(**RESNET, out_features=["stage4"])
    config = DetrConfig(**SMALL, use_timm_backbone=False, backbone_config=backbone)
    save(DetrForObjectDetection(config), DetrImageProcessorPil(size=EDGES), folder)


def build_deformable(folder: Path) -> None:
    backbone = ResNetConfig(**RESNET, out_features=["stage2", "stage3", "stage4"])
    config = DeformableDetrConfig(
        **SMALL, use_timm_backbone=False, backbone_config=backbone, num_feature_levels=3
    )
    processor = DeformableDetrImageProcessorPil(size=EDGES)
    save(DeformableDetrForObjectDetection(config), processor, folder)


def build_yolos(folder: Path) -> None:
    config = YolosConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=[64, 64],
        num_detection_tokens=10,
        use_mid_position_embeddings=False,
        id2label=LABELS,
    )
    save(YolosForObjectDetection(config), YolosImageProcessorPil(size=EDGES), folder)


def real_time(backbone: Any) -> dict[str, Any]:
    return {
        **SMALL,
        "encoder_hidden_dim": 16,
        "encoder_in_channels": [8, 16, 16],
        "decoder_in_channels": [16, 16, 16],
        "backbone_config": backbone,
        "hidden_expansion": 0.5,
    }


def build_rt_detr(folder: Path) -> None:
    backbone = RTDetrResNetConfig(**RESNET, out_features=["stage2", "stage3", "stage4"])
    model = RTDetrForObjectDetection(RTDetrConfig(**real_time(backbone)))
    save(model, RTDetrImageProcessorPil(size=SQUARE), folder)


def build_d_fine(folder: Path) -> None:
    backbone = HGNetV2Config(
        stem_channels=[3, 8, 8],
        stage_in_channels=[8, 8, 8, 16],
        stage_mid_channels=[8, 8, 8, 8],
        stage_out_channels=[8, 8, 16, 16],
        stage_num_blocks=[1, 1, 1, 1],
        stage_numb_of_layers=[2, 2, 2, 2],
        embedding_size=8,
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        out_features=["stage2", "stage3", "stage4"],
    )
    model = DFineForObjectDetection(DFineConfig(**real_time(backbone)))
    save(model, RTDetrImageProcessorPil(size=SQUARE), folder)


def clipped(box: list[float], width: int, height: int) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (
        min(max(edge, 0.0), float(most))
        for edge, most in zip(box, (width, height) * 2, strict=True)
    )
    return x0, y0, x1, y1


def found_in(picture: Any, found: dict[str, torch.Tensor], names: Any) -> Detections:
    height, width = picture.shape[:2]
    order = found["scores"].argsort(descending=True, stable=True).tolist()
    objects = []
    for row in order[:6]:
        box = clipped(found["boxes"][row].tolist(), width, height)
        label = names[int(found["labels"][row])]
        objects.append(Detection(label, float(found["scores"][row]), box))
    return Detections(width, height, objects)


def detect(folder: Path, payload: bytes) -> Detections:
    """As the library's documentation does it."""
    processor = processor_of(folder)
    model = model_of(AutoModelForObjectDetection, folder)
    picture = pixels(payload)
    with torch.no_grad():
        outputs = model(**processor(picture, return_tensors="pt"))
    (found,) = processor.post_process_object_detection(
        outputs, threshold=0.05, target_sizes=[picture.shape[:2]]
    )
    return found_in(picture, found, LABELS)


def detector(folder: str) -> Transformers[Detections]:
    return Transformers("object-detection", folder, threshold=0.05, top=6)


def case(family: str, row: str, build: Callable[[Path], None]) -> Case:
    return Case(f"object-detection-{family}", (row,), build, detector, PICTURES, detect)


CASES = [
    case("d-fine", "V4", build_d_fine),
    case("rt-detr", "V4", build_rt_detr),
    case("yolos", "V4", build_yolos),
    case("detr", "V4", build_detr),
    case("deformable-detr", "V5", build_deformable),
]
