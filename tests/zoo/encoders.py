"""Images as vectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModel,
    Dinov2Config,
    Dinov2Model,
    ResNetConfig,
    ResNetModel,
    ViTConfig,
    ViTImageProcessorPil,
    ViTModel,
)

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.records import Embedding
from tests.zoo.case import Case
from tests.zoo.library import model_of, processor_of
from tests.zoo.pictures import PICTURES, pixels

TOKENS: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
    "initializer_range": 0.3,
}


def save(model: Any, folder: Path) -> None:
    model.save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)


def build_resnet(folder: Path) -> None:
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    save(ResNetModel(config), folder)


def build_dinov2(folder: Path) -> None:
    save(Dinov2Model(Dinov2Config(**TOKENS, mlp_ratio=2)), folder)


def build_vit(folder: Path) -> None:
    # Saved without its pooling layer, as classifiers are.
    save(ViTModel(ViTConfig(**TOKENS, intermediate_size=16), add_pooling_layer=False), folder)


def encode(folder: Path, payload: bytes) -> Embedding:
    with torch.no_grad():
        found = model_of(AutoModel, folder)(
            **processor_of(folder)(pixels(payload), return_tensors="pt")
        )
    state = found.last_hidden_state
    vector = state[0, 0] if state.ndim == 3 else state[0].mean(dim=(1, 2))
    return Embedding.of(torch.nn.functional.normalize(vector, dim=0).numpy())


def encoder(folder: str) -> Transformers[Embedding]:
    return Transformers("image-embedding", folder)


def case(name: str, build: Callable[[Path], None]) -> Case:
    return Case(f"image-embedding-{name}", ("V13",), build, encoder, PICTURES, encode)


CASES = [
    case("resnet", build_resnet),
    case("dinov2", build_dinov2),
    case("vit", build_vit),
]
