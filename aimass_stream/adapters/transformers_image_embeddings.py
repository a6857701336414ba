"""Images as vectors with transformers, in a device process."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import AutoModel

from aimass_stream.adapters.vision import ImageModel, Seen
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Embedding


class ImageEncoder(ImageModel):
    """The `Predictor` of `Transformers("image-embedding", ...)`.

    ResNet, ConvNeXt, Swin, DINOv2, timm's and others that pool by themselves without weights; of
    ViT and its like the first token, since their pooling layers are often saved untrained.

    Args:
        spec: the resolved declaration.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such network that can be loaded.
    """

    unused = ("pooler.",)

    def __init__(self, spec: ModelSpec, device: str) -> None:
        super().__init__(spec, device, AutoModel, "image network")

    def _set_up(self) -> None:
        named = self._model.named_parameters()
        self._is_first_token = any(name.startswith("pooler.") for name, _ in named)

    def _forward(self, inputs: Sequence[Seen]) -> dict[str, torch.Tensor]:
        found = self._model(pixel_values=self._pixels(inputs))
        pooled = getattr(found, "pooler_output", None)
        if self._is_first_token:
            pooled = found.last_hidden_state[:, 0]
        if pooled is None:
            raise SetupError(f"{type(self._model).__name__} does not pool what it sees.")
        return {"vectors": pooled.flatten(1)}

    def _answer(self, outputs: dict[str, torch.Tensor], seen: Seen) -> Embedding | RecordError:
        del seen
        vector = outputs["vectors"][0]
        length = float(vector.norm())
        if length == 0:
            return RecordError(Reason.INVALID_OUTPUT, "the model's vector is zero")
        return Embedding.of((vector / length).numpy())
