"""Networks from a description: `architecture.json`, and `model.safetensors` beside it.

In device processes only. A description names layers and arguments, never code: what is not on a
list here is not built.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
import torch
from safetensors.torch import load_file

from aimass_stream.adapters.classification import describe
from aimass_stream.adapters.extras import require
from aimass_stream.adapters.yolox_detection import configure
from aimass_stream.errors import SetupError

FILE = "architecture.json"
"""Where a network is described."""

_LAYERS = frozenset(
    {"AdaptiveAvgPool2d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Conv2d", "Dropout"}
    | {"Flatten", "GELU", "GroupNorm", "Identity", "LayerNorm", "LeakyReLU", "Linear"}
    | {"MaxPool2d", "ReLU", "Sigmoid", "SiLU", "Tanh"}
)
_DETECTORS = (
    "maskrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn_v2",
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fasterrcnn_mobilenet_v3_large_fpn",
    "fasterrcnn_resnet50_fpn",
    "fasterrcnn_resnet50_fpn_v2",
    "fcos_resnet50_fpn",
    "keypointrcnn_resnet50_fpn",
    "retinanet_resnet50_fpn",
    "retinanet_resnet50_fpn_v2",
    "ssd300_vgg16",
    "ssdlite320_mobilenet_v3_large",
)
_ON_A_BACKBONE = ("KeypointRCNN", "MaskRCNN")
_NORM_EPS = "norm_eps"
_NORMS = frozenset({"BatchNorm2d", "FrozenBatchNorm2d"})

Arguments = dict[str, Any]
"""Of a constructor: numbers, texts, truth values and lists of them, as JSON has them."""


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One layer of a chain.

    Attributes:
        layer: its name in `torch.nn`.
        arguments: of its constructor.
    """

    layer: str
    arguments: Arguments = {}


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an image is prepared for a chain of layers or a torchvision classifier.

    Attributes:
        width: in pixels, to which images are resized.
        height: likewise.
        channels: 1 for grey, 3 for RGB.
        mean: subtracted from values of 0 to 1, for each channel.
        std: what they are then divided by, for each channel.
    """

    width: int
    height: int
    channels: Literal[1, 3] = 3
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)


class Architecture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A network.

    Attributes:
        library: `layers`, `torchvision` or `yolox`.
        architecture: the function of `torchvision.models` or `.detection`; `MaskRCNN` or
            `KeypointRCNN` for one on any of its ResNets, given as `backbone`; empty for layers and
            YOLOX.
        labels: its classes, in the order of its outputs; of torchvision's detectors the first is
            what they call background.
        keypoints: the parts whose places a Keypoint R-CNN tells, in the order of its outputs.
        arguments: of the function, or of YOLOX's configuration.
        layers: the chain.
        input: how images are prepared; detectors do that themselves.
    """

    library: Literal["layers", "torchvision", "yolox"]
    labels: list[str]
    architecture: str = ""
    keypoints: list[str] = []
    arguments: Arguments = {}
    layers: list[Layer] = []
    input: Input | None = None


def read_architecture(folder: Path) -> Architecture:
    """The description in a model folder.

    Raises:
        SetupError: there is none, or it is none of the form above.
    """
    try:
        found = msgspec.json.decode((folder / FILE).read_bytes(), type=Architecture)
    except (OSError, msgspec.MsgspecError) as error:
        raise SetupError(
            f"{describe(folder, error)} A network of your own is described by {FILE}; see "
            "docs/models/own-networks.md."
        ) from error
    if not found.labels or len(set(found.labels)) != len(found.labels):
        raise SetupError(f"{FILE} in {folder} needs labels, each another one.")
    if len(set(found.keypoints)) != len(found.keypoints):
        raise SetupError(f"{FILE} in {folder} names a keypoint twice.")
    return found


def build(folder: Path, found: Architecture, *, detects: bool) -> Any:
    """The network with its trained weights, ready to answer.

    Args:
        folder: where `model.safetensors` lies.
        found: its description.
        detects: whether it must be a detector.

    Raises:
        SetupError: it names what is not offered, or its weights do not fit it.
    """
    try:
        network = _network(found, detects=detects)
        weights = load_file(folder / "model.safetensors")
        network.load_state_dict(weights, strict=True)
    except SetupError:
        raise
    except Exception as error:
        raise SetupError(
            f"{describe(folder, error)} {FILE} and model.safetensors must be of one network."
        ) from error
    return network.float().eval()


def _network(found: Architecture, *, detects: bool) -> Any:
    if found.library == "layers":
        return _chain(found)
    if found.library == "torchvision":
        return _torchvision(found, detects=detects)
    if not detects:
        raise SetupError(f"{FILE} describes a YOLOX: declare it for object-detection.")
    return configure(len(found.labels), found.arguments).get_model()


def _chain(found: Architecture) -> torch.nn.Sequential:
    unknown = sorted({one.layer for one in found.layers} - _LAYERS)
    if unknown or not found.layers:
        raise SetupError(
            f"{FILE} names {', '.join(unknown) or 'no layer'}. Layers: {', '.join(sorted(_LAYERS))}"
        )
    return torch.nn.Sequential(
        *(getattr(torch.nn, one.layer)(**one.arguments) for one in found.layers)
    )


def _torchvision(found: Architecture, *, detects: bool) -> Any:
    models = require("torchvision").models
    arguments: dict[str, Any] = {**found.arguments}
    if detects:
        return _detector(models, found, arguments)
    if found.architecture not in models.list_models(module=models):
        raise SetupError(f"{FILE} names {found.architecture!r}, no classifier of torchvision.")
    arguments |= {"weights": None, "num_classes": len(found.labels)}
    return models.get_model(found.architecture, **arguments)


def _detector(models: Any, found: Architecture, arguments: Arguments) -> Any:
    """A detector of torchvision, by its function or on a ResNet of one's choice."""
    eps = arguments.pop(_NORM_EPS, None)
    arguments |= {"num_classes": len(found.labels)}
    if found.keypoints:
        arguments |= {"num_keypoints": len(found.keypoints)}
    if found.architecture in _ON_A_BACKBONE:
        network = _on_a_backbone(models, found.architecture, arguments)
    elif found.architecture in _DETECTORS:
        without = {"weights": None, "weights_backbone": None}
        network = models.get_model(found.architecture, **arguments, **without)
    else:
        raise SetupError(
            f"{FILE} names {found.architecture!r}. Detectors of torchvision: "
            f"{', '.join((*_ON_A_BACKBONE, *_DETECTORS))}."
        )
    for module in network.modules() if eps is not None else ():
        if type(module).__name__ in _NORMS:
            module.eps = float(eps)
    return network


def _on_a_backbone(models: Any, name: str, arguments: Arguments) -> Any:
    """Mask or Keypoint R-CNN on one of torchvision's ResNets."""
    from torchvision.models import detection
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    backbone = str(arguments.pop("backbone", "resnet18"))
    if backbone not in models.list_models(module=models, include="resnet*"):
        raise SetupError(f"{FILE} names the backbone {backbone!r}, no ResNet of torchvision.")
    layers = resnet_fpn_backbone(backbone_name=backbone, weights=None, trainable_layers=0)
    return getattr(detection, name)(layers, **arguments)
