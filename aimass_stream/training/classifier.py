"""Training of an image classifier on arrays that fit into memory, on the CPU.

The network is a small ResNet in the transformers format; the result is a folder that the
`Transformers` adapter serves. Data sets and their splits are the callers'.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from transformers import ResNetConfig, ResNetForImageClassification
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil
from transformers.utils import logging

from aimass_stream.adapters.transformers_images import ImageClassifier, Preparation
from aimass_stream.codecs.images import Pixels
from aimass_stream.errors import RecordError
from aimass_stream.model import ModelSpec

Progress = Callable[[float, str], None]
"""Told how much is done, 0 to 1, and what that was, in a few words."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a classifier is trained.

    Attributes:
        epochs: passes over the data.
        batch_rows: rows of one step.
        learning_rate: its peak; it rises over the first fifth and falls to nothing.
        weight_decay: as AdamW takes it.
        label_smoothing: share of the target spread over all labels.
        mixing: strength of mixing pairs of images, 0 for none: the beta distribution's parameter.
        photos: flip, turn, zoom, shift and recolour each image anew every time; for pictures
            whose label survives that.
        seed: of weights, order and augmentation.
    """

    epochs: int
    batch_rows: int = 50
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    mixing: float = 0.0
    photos: bool = False
    seed: int = 0


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
    return ResNetForImageClassification(config)  # type: ignore[no-untyped-call]


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
    goals = functional.one_hot(torch.from_numpy(targets), model.config.num_labels).float()
    steps = recipe.epochs * math.ceil(len(pixels) / recipe.batch_rows)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=steps, pct_start=0.2
    )
    model.train()
    draw = torch.Generator().manual_seed(recipe.seed)
    for epoch in range(recipe.epochs):
        order = torch.randperm(len(pixels), generator=draw)
        for rows in torch.split(order, recipe.batch_rows):
            batch = _augment(pixels[rows].float(), draw) if recipe.photos else pixels[rows].float()
            batch, goal = _mix(batch * scale + shift, goals[rows], recipe.mixing, draw)
            logits = model(pixel_values=batch).logits
            loss = functional.cross_entropy(logits, goal, label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        if progress is not None:
            share = (epoch + 1) / recipe.epochs
            progress(share, f"epoch {epoch + 1}/{recipe.epochs}, loss {loss.item():.3f}")
    model.eval()


def save(model: Any, processor: Any, folder: Path) -> None:
    """Write model and processor as the adapter loads them."""
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def accuracy(folder: Path, files: Sequence[bytes], labels: Sequence[str]) -> float:
    """The share of files that the saved model gives their label, measured as it is served.

    A file that cannot be decoded counts as wrong.
    """
    spec = ModelSpec(name=folder.name, version="0", adapter="", folder=str(folder))
    classifier = ImageClassifier(spec, "cpu")
    hits = 0
    for first in range(0, len(files), 64):
        rows = slice(first, first + 64)
        answers = classifier.predict([classifier.decode(file) for file in files[rows]])
        hits += sum(
            not isinstance(answer, RecordError) and answer.label == label
            for answer, label in zip(answers, labels[rows], strict=True)
        )
    return hits / max(len(files), 1)


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


def _mix(
    pixels: torch.Tensor, goals: torch.Tensor, strength: float, draw: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Blend each image and its goal with another's (mixup)."""
    if not strength:
        return pixels, goals
    seed = int(torch.randint(2**31, (1,), generator=draw))
    share = float(np.random.default_rng(seed).beta(strength, strength))
    other = torch.randperm(len(pixels), generator=draw)
    return (
        share * pixels + (1 - share) * pixels[other],
        share * goals + (1 - share) * goals[other],
    )
