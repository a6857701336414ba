"""Networks that are no transformers models: chains of layers, and torchvision's."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from aimass_stream.adapters.torch import Torch
from aimass_stream.records import Detection, Detections, Prediction
from tests.zoo.case import Case
from tests.zoo.detection import clipped
from tests.zoo.pictures import PICTURES, pixels

DIGITS = [f"digit {number}" for number in range(10)]
DENSE: list[dict[str, Any]] = [
    {"layer": "Flatten"},
    {"layer": "Linear", "arguments": {"in_features": 784, "out_features": 128}},
    {"layer": "ReLU"},
    {"layer": "Linear", "arguments": {"in_features": 128, "out_features": 10}},
]
CONVOLUTIONS: list[dict[str, Any]] = [
    {"layer": "Conv2d", "arguments": {"in_channels": 1, "out_channels": 4, "kernel_size": 3}},
    {"layer": "BatchNorm2d", "arguments": {"num_features": 4}},
    {"layer": "ReLU"},
    {"layer": "MaxPool2d", "arguments": {"kernel_size": 2}},
    {"layer": "AdaptiveAvgPool2d", "arguments": {"output_size": 3}},
    {"layer": "Flatten"},
    {"layer": "Linear", "arguments": {"in_features": 36, "out_features": 10}},
]
OBJECTS = ["person", "car", "cat"]
YOLOX: dict[str, Any] = {
    "depth": 0.33,
    "width": 0.125,
    "test_size": (96, 64),
    "nmsthre": 0.5,
}
GRID_THRESHOLD, MOST = 0.3, 8


def write(description: dict[str, Any], network: Any, folder: Path) -> None:
    (folder / "architecture.json").write_text(json.dumps(description))
    state = {name: found.contiguous() for name, found in network.state_dict().items()}
    save_file(state, folder / "model.safetensors")


def chain(layers: list[dict[str, Any]]) -> Any:
    return torch.nn.Sequential(
        *(getattr(torch.nn, one["layer"])(**one.get("arguments", {})) for one in layers)
    )


def build_chain(layers: list[dict[str, Any]], folder: Path) -> None:
    network = chain(layers)
    with torch.no_grad():
        network[-1].weight.mul_(8)
    size = {"width": 28, "height": 28, "channels": 1, "mean": [0.13], "std": [0.31]}
    write({"library": "layers", "labels": DIGITS, "layers": layers, "input": size}, network, folder)


def run_chain(layers: list[dict[str, Any]], folder: Path, payload: bytes) -> Prediction:
    network = chain(layers)
    network.load_state_dict(load_file(folder / "model.safetensors"))
    grey = Image.fromarray(pixels(payload)).convert("L").resize((28, 28), Image.Resampling.BILINEAR)
    with torch.no_grad():
        given = (torch.tensor(np.asarray(grey)).float() / 255 - 0.13) / 0.31
        scores = network.eval()(given[None, None]).softmax(dim=1)[0].tolist()
    ranked = sorted(zip(DIGITS, scores, strict=True), key=lambda pair: -pair[1])
    return Prediction(*ranked[0], dict(ranked[:3]))


def yolox() -> tuple[Any, Any]:
    """A tiny network, and the package's processor for it."""
    from yolox.config import YoloxConfig
    from yolox.models import YoloxProcessor

    config = YoloxConfig("tiny", num_classes=len(OBJECTS), **YOLOX)
    return config.get_model().eval(), YoloxProcessor(config)


def build_yolox(folder: Path) -> None:
    network, _ = yolox()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "preds" in name:
                parameter.normal_(std=0.6)
            elif "conv.weight" in name:
                # What it sees must reach its end, through many layers.
                parameter.mul_(1.5)
    described = {"library": "yolox", "labels": OBJECTS, "arguments": YOLOX}
    write(described, network, folder)


def find_in_grid(folder: Path, payload: bytes) -> Detections:
    """As the package does it by itself: letter box, network, filter, suppression."""
    network, processor = yolox()
    network.load_state_dict(load_file(folder / "model.safetensors"))
    picture = Image.fromarray(pixels(payload))
    with torch.no_grad():
        output = network(processor([picture]))
    (found,) = processor.postprocess([picture], output, threshold=GRID_THRESHOLD)
    rows = sorted(
        zip(found["scores"], found["labels"], found["bboxes"], strict=True), key=lambda row: -row[0]
    )
    objects = [
        Detection(OBJECTS[label], score, clipped(box, picture.width, picture.height))
        for score, label, box in rows[:MOST]
    ]
    return Detections(picture.width, picture.height, objects)


def grid_detector(folder: str) -> Torch[Detections]:
    return Torch("object-detection", folder, threshold=GRID_THRESHOLD, top=MOST)


def network(folder: str) -> Torch[Prediction]:
    return Torch("image-classification", folder)


CASES = [
    Case(
        "own-network-dense",
        ("V1",),
        partial(build_chain, DENSE),
        network,
        PICTURES,
        partial(run_chain, DENSE),
    ),
    Case(
        "own-network-convolutions",
        ("V1",),
        partial(build_chain, CONVOLUTIONS),
        network,
        PICTURES,
        partial(run_chain, CONVOLUTIONS),
    ),
    Case(
        "object-detection-yolox",
        ("V4",),
        build_yolox,
        grid_detector,
        PICTURES,
        find_in_grid,
        needs="yolox",
    ),
]
