"""What is unusual in images of a kind of thing, with transformers, in a device process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import AutoModel

from aimass_stream.adapters.patches import PatchNetwork, distances, read_memory, shrunk
from aimass_stream.adapters.storing import png_of, store
from aimass_stream.adapters.vision import ImageModel, Seen
from aimass_stream.errors import SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import VisualAnomaly
from aimass_stream.records.image import PNG


class DefectFinder(ImageModel):
    """The `Predictor` of `Transformers("visual-anomaly", ...)`.

    A frozen network of any kind that keeps places (ResNet, ConvNeXt, Swin, ViT, DINOv2, timm's),
    and a memory of patches of normal images beside it.

    Args:
        spec: the resolved declaration.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such network that can be loaded, or no memory of its own.
    """

    # Patches are of layers in the middle; what pools the last one is not used.
    unused = ("pooler.",)

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._store = store()
        super().__init__(spec, device, AutoModel, "image network")

    def _set_up(self) -> None:
        self._memory, patches = read_memory(self._folder)
        self._patches = torch.from_numpy(patches).to(self._device)
        self._network = PatchNetwork(self._model, self._processor, self._memory.layers)

    def _prepare(self, image: Any) -> Seen:
        return Seen(shrunk(image, self._memory.edge), image.shape[1], image.shape[0])

    def _forward(self, inputs: Sequence[Seen]) -> dict[str, torch.Tensor]:
        pixels = torch.from_numpy(np.stack([seen.pixels for seen in inputs])).to(self._device)
        found = self._network(pixels)
        if found.shape[-1] != self._patches.shape[1]:
            raise SetupError(
                f"The memory in {self._folder} is of another network: its patches have "
                f"{self._patches.shape[1]} numbers, this network's {found.shape[-1]}."
            )
        return {"distances": distances(found, self._patches)}

    def _answer(self, outputs: dict[str, torch.Tensor], seen: Seen) -> VisualAnomaly:
        coarse = outputs["distances"][:, None]
        score = float(coarse.max())
        size = (seen.height, seen.width)
        fine = torch.nn.functional.interpolate(coarse, size, mode="bilinear")[0, 0].numpy()
        grey = fine / (score if score > 0 else 1.0) * 65535
        claim = self._store.put(png_of(grey.clip(0, 65535).round().astype(np.uint16)), PNG)
        row, column = np.unravel_index(int(fine.argmax()), fine.shape)
        return VisualAnomaly(
            claim,
            seen.width,
            seen.height,
            score,
            self._memory.threshold,
            score >= self._memory.threshold,
            (int(column), int(row)),
        )
