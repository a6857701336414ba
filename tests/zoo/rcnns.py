"""R-CNNs of torchvision: boxes, with masks or keypoints; and things turned upright by these."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from aimass_stream import Alignment, EmbeddedDetections, Graph, Step
from aimass_stream.adapters.torch import Torch
from aimass_stream.codecs.images import Pixels
from aimass_stream.records import (
    Detection,
    Detections,
    EmbeddedDetection,
    Keypoint,
    Mask,
    PosedDetection,
    PosedDetections,
)
from tests.zoo import encoders
from tests.zoo.case import Case
from tests.zoo.declared import Figures
from tests.zoo.detection import clipped
from tests.zoo.faces import file
from tests.zoo.networks import write
from tests.zoo.pictures import PICTURES, pixels

MASK_RCNN: dict[str, Any] = {
    "library": "torchvision",
    "architecture": "MaskRCNN",
    "arguments": {
        "backbone": "resnet18",
        "min_size": 64,
        "max_size": 96,
        "rpn_pre_nms_top_n_test": 50,
        "rpn_post_nms_top_n_test": 4,
        "box_score_thresh": 0.01,
        "box_detections_per_img": 2,
    },
    "labels": ["background", "person", "car", "cat"],
}
KEYPOINT_RCNN: dict[str, Any] = {
    **MASK_RCNN,
    "architecture": "KeypointRCNN",
    "labels": ["background", "person"],
    "keypoints": ["nose", "left_eye", "right_eye", "left_ear"],
    "arguments": {**MASK_RCNN["arguments"], "norm_eps": 0.0},
}
PLACES = {"nose": (16.0, 20.0), "left_eye": (22.0, 12.0), "right_eye": (10.0, 12.0)}
UPRIGHT = Alignment(PLACES, width=32, height=32, threshold=0.0)


def rcnn(described: dict[str, Any]) -> Any:
    from torchvision.models import detection
    from torchvision.models.detection._utils import overwrite_eps
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    arguments = {**described["arguments"]}
    name, eps = arguments.pop("backbone"), arguments.pop("norm_eps", None)
    backbone = resnet_fpn_backbone(backbone_name=name, weights=None, trainable_layers=0)
    if described.get("keypoints"):
        arguments["num_keypoints"] = len(described["keypoints"])
    network = getattr(detection, described["architecture"])(
        backbone, len(described["labels"]), **arguments
    )
    if eps is not None:
        # As the library does to the weights that it has of another's training.
        overwrite_eps(network, eps)
    return network


def build_rcnn(described: dict[str, Any], folder: Path) -> None:
    network = rcnn(described)
    with torch.no_grad():
        # So small that what is added to it counts; what comes out is as large as before.
        network.backbone.body.bn1.running_var.uniform_(5e-4, 2e-3)
        network.backbone.body.bn1.weight.mul_(0.03)
    write(described, network, folder)


def run_rcnn(described: dict[str, Any], folder: Path, payload: bytes) -> tuple[Pixels, Any]:
    network = rcnn(described)
    network.load_state_dict(load_file(folder / "model.safetensors"))
    picture = pixels(payload)
    with torch.no_grad():
        (found,) = network.eval()([torch.tensor(picture.copy()).permute(2, 0, 1).float() / 255])
    return picture, found


def seen_in(described: dict[str, Any], picture: Pixels, found: Any, row: int) -> tuple[Any, ...]:
    height, width = picture.shape[:2]
    label = described["labels"][int(found["labels"][row])]
    box = clipped(found["boxes"][row].tolist(), width, height)
    return label, float(found["scores"][row]), box


def outline(folder: Path, payload: bytes) -> Detections:
    picture, found = run_rcnn(MASK_RCNN, folder, payload)
    objects = [
        Detection(*seen_in(MASK_RCNN, picture, found, row), Mask.of(mask[0].numpy() > 0.5))
        for row, mask in enumerate(found["masks"])
    ]
    return Detections(picture.shape[1], picture.shape[0], objects)


def point_out(folder: Path, payload: bytes) -> PosedDetections:
    picture, found = run_rcnn(KEYPOINT_RCNN, folder, payload)
    objects = []
    for row, (places, peaks) in enumerate(
        zip(found["keypoints"].tolist(), found["keypoints_scores"], strict=True)
    ):
        keypoints = [
            Keypoint(name, x, y, float(torch.sigmoid(peak)))
            for name, (x, y, _), peak in zip(KEYPOINT_RCNN["keypoints"], places, peaks, strict=True)
        ]
        seen = seen_in(KEYPOINT_RCNN, picture, found, row)
        objects.append(PosedDetection(*seen, keypoints=keypoints))
    return PosedDetections(picture.shape[1], picture.shape[0], objects)


def outliner(folder: str) -> Torch[Detections]:
    return Torch("instance-segmentation", folder, threshold=0.01)


def pointer(folder: str) -> Torch[PosedDetections]:
    return Torch("keypoint-detection", folder, threshold=0.01)


def build_figures(folder: Path) -> None:
    for name, build in (
        ("found", partial(build_rcnn, KEYPOINT_RCNN)),
        ("encoder", encoders.build_resnet),
    ):
        (folder / name).mkdir()
        build(folder / name)


def figures(folder: str) -> Graph[Figures]:
    return Graph(
        "figures",
        {
            "found": Step(pointer(f"{folder}/found")),
            "upright": Step(encoders.encoder(f"{folder}/encoder"), after="found", align=UPRIGHT),
        },
        answer=Figures,
    )


def turned(image: Pixels, one: PosedDetection) -> Pixels:
    """By the four numbers of a similarity, as a linear problem."""
    known = [point for point in one.keypoints if point.label in PLACES]
    rows: list[list[float]] = []
    wanted: list[float] = []
    for point in known:
        rows += [[point.x, -point.y, 1, 0], [point.y, point.x, 0, 1]]
        wanted += PLACES[point.label]
    (a, b, right, down), *_ = np.linalg.lstsq(np.array(rows), np.array(wanted), rcond=None)
    back = np.linalg.inv([[a, -b, right], [b, a, down], [0, 0, 1]])[:2]
    step = max(1, int(1 / np.hypot(a, b)))
    picture = Image.fromarray(image).reduce(step)
    data = tuple((back / step).ravel())
    return np.asarray(picture.transform((32, 32), Image.Transform.AFFINE, data, resample=2))


def figures_by_hand(folder: Path, payload: bytes) -> Figures:
    found, image = point_out(folder / "found", payload), pixels(payload)
    objects = []
    for one in found.objects:
        vector = encoders.encode(folder / "encoder", file(turned(image, one)))
        objects.append(
            EmbeddedDetection(
                one.label, one.score, one.box, vector=vector.vector, dimensions=vector.dimensions
            )
        )
    return Figures(found, EmbeddedDetections(found.width, found.height, objects))


def case(name: str, row: str, build: Any, declare: Any, library: Any) -> Case:
    return Case(name, (row,), build, declare, PICTURES[1:4], library, needs="torchvision")


CASES = [
    case(
        "instance-segmentation-mask-rcnn", "V6", partial(build_rcnn, MASK_RCNN), outliner, outline
    ),
    case(
        "keypoint-detection-keypoint-rcnn",
        "V13",
        partial(build_rcnn, KEYPOINT_RCNN),
        pointer,
        point_out,
    ),
    case("graph-upright", "V13", build_figures, figures, figures_by_hand),
]
