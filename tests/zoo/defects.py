"""What is unusual in images, by the patches of a frozen network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.neighbors import NearestNeighbors
from transformers import (
    AutoModel,
    ConvNextImageProcessorPil,
    Dinov2Config,
    Dinov2Model,
    ResNetConfig,
    ResNetModel,
    ViTImageProcessorPil,
)

from aimass_stream.adapters.patches import read_memory
from aimass_stream.adapters.storing import png_of, store
from aimass_stream.adapters.transformers import Transformers
from aimass_stream.records import VisualAnomaly
from aimass_stream.training.defects import fit_memory
from tests.zoo.case import Case
from tests.zoo.library import model_of
from tests.zoo.pictures import PICTURES, picture, pixels

EDGE = 64
MEAN, STD = [0.5, 0.4, 0.3], [0.2, 0.25, 0.3]


def save_resnet(folder: Path) -> None:
    config = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], layer_type="basic"
    )
    ResNetModel(config).save_pretrained(folder)
    ConvNextImageProcessorPil(image_mean=MEAN, image_std=STD).save_pretrained(folder)


def save_dinov2(folder: Path) -> None:
    config = Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        mlp_ratio=2,
        image_size=EDGE,
        patch_size=8,
        initializer_range=0.3,
    )
    Dinov2Model(config).save_pretrained(folder)
    ViTImageProcessorPil(image_mean=MEAN, image_std=STD).save_pretrained(folder)


def build(save: Callable[[Path], None], folder: Path) -> None:
    """A network, and a memory of seven pictures."""
    home = folder.parent / f"{folder.name}-parts"
    normal, backbone = home / "normal", home / "backbone"
    normal.mkdir(parents=True)
    save(backbone)
    for seed in range(7):
        (normal / f"{seed}.png").write_bytes(picture(48, 48, 100 + seed))
    version = fit_memory(normal, backbone, home, "made", edge=EDGE, share=0.5)
    for file in (home / "made" / version).iterdir():
        if file.name != "manifest.json":
            folder.joinpath(file.name).write_bytes(file.read_bytes())


def look(folder: Path, payload: bytes) -> VisualAnomaly:
    """By scikit-learn's neighbours, one layer at a time."""
    memory, known = read_memory(folder)
    image = pixels(payload)
    small = Image.fromarray(image).resize((EDGE, EDGE), Image.Resampling.BILINEAR)
    values = (np.asarray(small).astype(np.float32) / 255 - MEAN) / STD
    inputs = torch.from_numpy(values.transpose(2, 0, 1)[None].astype(np.float32))
    with torch.no_grad():
        states = model_of(AutoModel, folder)(inputs, output_hidden_states=True).hidden_states
    parts: list[Any] = []
    for layer in memory.layers:
        found = states[layer]
        if found.ndim == 3:
            found = found[:, 1:].transpose(1, 2).reshape(1, -1, EDGE // 8, EDGE // 8)
        near = torch.nn.AvgPool2d(3, 1, 1)(found)
        size = parts[0].shape[2:] if parts else near.shape[2:]
        parts.append(torch.nn.Upsample(size, mode="bilinear")(near))
    patches = torch.cat(parts, dim=1)[0].flatten(1).T.numpy()
    nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(known)
    far = nearest.kneighbors(patches)[0].reshape(1, 1, *parts[0].shape[2:]).astype(np.float32)
    score = float(far.max())
    height, width = image.shape[:2]
    fine = torch.nn.Upsample((height, width), mode="bilinear")(torch.from_numpy(far))[0, 0].numpy()
    claim = store().put(png_of((fine / score * 65535).round().astype(np.uint16)), "image/png")
    row, column = divmod(int(fine.argmax()), width)
    anomaly = score >= memory.threshold
    return VisualAnomaly(claim, width, height, score, memory.threshold, anomaly, (column, row))


def finder(folder: str) -> Transformers[VisualAnomaly]:
    return Transformers("visual-anomaly", folder)


CASES = [
    Case(f"visual-anomaly-{name}", ("N4",), partial(build, save), finder, PICTURES, look)
    for name, save in (("resnet", save_resnet), ("dinov2", save_dinov2))
]
