"""Training of an image classifier on arrays that fit into memory.

The network is a small ResNet in the transformers format; the result is a folder that the
`Transformers` adapter serves. Data sets and their splits are the callers'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from transformers import ResNetConfig, ResNetForImageClassification
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from aimass_stream.adapters.transformers_images import Preparation
from aimass_stream.codecs.images import Pixels
from aimass_stream.training.loop import Progress, Recipe, fit


def small_resnet(labels: Sequence[str], hidden_sizes: Sequence[int]) -> Any:
    """An untrained ResNet of basic layers, one per stage; its stem quarters the edges."""
    config = ResNetConfig(
        embedding_size=hidden_sizes[0],
        hidden_sizes=list(hidden_sizes),
        depths=[1] * len(hidden_sizes),
        layer_type="basic",
        id2label=dict(enumerate(labels)),
        label2id={label: row for row, label in enumerate(labels)},
    )
    return ResNetForImageClassification(config)  # type: ignore[no-untyped-call]  # the library has no types


def square_processor(edge: int) -> Any:
    """The image processor that resizes to `edge` x `edge` pixels and scales to -1..1."""
    return ViTImageProcessorPil(size={"height": edge, "width": edge})


def train(
    model: Any,
    preparation: Preparation,
    images: Sequence[Pixels],
    targets: NDArray[np.int64],
    recipe: Recipe,
    progress: Progress | None = None,
) -> None:
    """Train `model` in place; the same arguments give the same weights on one machine.

    The caller's random state is left as it was.

    Args:
        model: a transformers image classifier.
        preparation: what is done to images when the model is served, too.
        images: `(height, width, 3)` uint8 each.
        targets: the label of each image, `(rows,)`.
        recipe: how.
        progress: told after every epoch.
    """
    pixels = torch.from_numpy(np.stack([preparation(image) for image in images]))
    scale, shift = (torch.from_numpy(part).view(1, -1, 1, 1) for part in preparation.affine)

    def prepare(rows: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        batch = _augment(rows.float(), draw) if recipe.augment else rows.float()
        return batch * scale + shift

    fit(model, "pixel_values", pixels, targets, recipe, prepare, progress)


def _augment(pixels: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Each image flipped, turned, zoomed, shifted and recoloured; `(rows, 3, h, w)`, 0..255."""
    rows = len(pixels)

    def between(low: float, high: float) -> torch.Tensor:
        return torch.empty(rows).uniform_(low, high, generator=draw)

    angle, zoom = between(-0.25, 0.25), between(0.8, 1.2)
    side = torch.where(between(0, 1) < 0.5, 1.0, -1.0)
    cos, sin = zoom * torch.cos(angle), zoom * torch.sin(angle)
    turn = torch.stack(
        [
            torch.stack([side * cos, -sin, between(-0.17, 0.17)], dim=1),
            torch.stack([side * sin, cos, between(-0.17, 0.17)], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(turn, list(pixels.shape), align_corners=False)
    moved = functional.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)
    mean = moved.mean(dim=(1, 2, 3), keepdim=True)
    lit = (moved - mean) * _each(between(0.7, 1.3)) + mean + _each(between(-50, 50))
    grey = lit.mean(dim=1, keepdim=True)
    return ((lit - grey) * _each(between(0.6, 1.4)) + grey).clamp(0, 255)


def _each(values: torch.Tensor) -> torch.Tensor:
    return values.view(-1, 1, 1, 1)
