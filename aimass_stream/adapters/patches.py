"""Images as vectors of their patches, and the memory of patches that normal images have.

PatchCore: Roth et al., "Towards Total Recall in Industrial Anomaly Detection", CVPR 2022. A
frozen network's features of two middle layers, each the mean of its neighbourhood, describe a
patch; one that is far from every patch of normal images is unusual. Left out of the paper: the
features are not pooled to a fixed number, and a score is not weighed by its neighbours' density.

In device processes, and where a memory is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from aimass_stream.errors import SetupError

FILE = "patch_memory.safetensors"
"""Where patches lie, in a model's folder."""
SETTINGS = "patch_memory.json"
"""What they were made with."""

_COMPARED_PATCHES = 1024


class Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What patches of normal images were made with.

    Attributes:
        layers: of the network, whose features a patch is described by; 0 is what it begins with.
        edge: pixels of both edges that an image is brought to.
        threshold: the score from which on an image is an anomaly.
        images: that the patches are of.
    """

    layers: tuple[int, ...]
    edge: int
    threshold: float
    images: int


def write_memory(folder: Path, memory: Memory, patches: NDArray[np.float32]) -> None:
    """Put a memory beside a model; `patches` is `(patches, channels)` float32."""
    save_file({"patches": patches}, folder / FILE)
    (folder / SETTINGS).write_bytes(msgspec.json.format(msgspec.json.encode(memory)))


def read_memory(folder: Path) -> tuple[Memory, NDArray[np.float32]]:
    """A model's memory, and its patches as `(patches, channels)` float32.

    Raises:
        SetupError: there is none, or it is damaged.
    """
    try:
        memory = msgspec.json.decode((folder / SETTINGS).read_bytes(), type=Memory)
        patches = load_file(folder / FILE)["patches"]
    except (OSError, msgspec.MsgspecError, SafetensorError, KeyError) as error:
        raise SetupError(
            f"The model in {folder} has no memory of normal images ({error}). Fit one: "
            "python -m aimass_stream.training.defects; see docs/models/visual-anomaly.md."
        ) from error
    if patches.dtype != np.float32 or patches.ndim != 2 or not len(patches):
        raise SetupError(f"{FILE} in {folder} holds no patches: {patches.dtype} {patches.shape}")
    return memory, patches


def shrunk(image: NDArray[np.uint8], edge: int) -> NDArray[np.uint8]:
    """`(height, width, 3)` as `(3, edge, edge)`, whole: whatever is cut off is never looked at."""
    made = Image.fromarray(image).resize((edge, edge), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(made).transpose(2, 0, 1))


class PatchNetwork:
    """A frozen network that describes patches.

    Args:
        model: of transformers, on its device.
        processor: its image processor; its mean and spread of colours are used.
        layers: whose features describe a patch; none for those half and three quarters through.

    Attributes:
        layers: as used.
    """

    def __init__(self, model: Any, processor: Any, layers: Sequence[int] = ()) -> None:
        self._model = model
        mean = torch.tensor(processor.image_mean, dtype=torch.float32)
        std = torch.tensor(processor.image_std, dtype=torch.float32)
        self._mean, self._std = (part.to(model.device).view(1, -1, 1, 1) for part in (mean, std))
        self.layers = tuple(layers)

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """Patches of images of one shape.

        Args:
            pixels: `(rows, 3, height, width)` uint8, on the model's device.

        Returns:
            `(rows, patches down, patches across, channels)` float32.

        Raises:
            SetupError: the network has no such layers, or none that keep places.
        """
        scaled = (pixels.float() / 255 - self._mean) / self._std
        found = self._model(pixel_values=scaled, output_hidden_states=True)
        states = getattr(found, "reshaped_hidden_states", None) or found.hidden_states
        if not self.layers:
            last = len(states) - 1
            self.layers = tuple(sorted({round(last / 2), round(last * 3 / 4)}))
        if not 0 <= min(self.layers) <= max(self.layers) < len(states):
            raise SetupError(f"The network has layers 0 to {len(states) - 1}, not {self.layers}.")
        maps = [self._map(states[layer], pixels.shape[2:]) for layer in self.layers]
        near = [torch.nn.functional.avg_pool2d(one, 3, 1, 1) for one in maps]
        down, across = near[0].shape[2:]
        alike = [
            torch.nn.functional.interpolate(one, (down, across), mode="bilinear") for one in near
        ]
        return torch.cat(alike, dim=1).permute(0, 2, 3, 1)

    def _map(self, state: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
        """A layer's features as `(rows, channels, down, across)`."""
        if state.ndim == 4:
            return state.float()
        patch = getattr(self._model.config, "patch_size", None)
        down, across = (edge // patch for edge in size) if isinstance(patch, int) else (0, 0)
        if state.ndim != 3 or not 0 < down * across <= state.shape[1]:
            raise SetupError(
                f"{type(self._model).__name__} has no layers that keep the places of patches."
            )
        # What stands before the patches (a class token, registers) has no place.
        tokens = state[:, state.shape[1] - down * across :].float()
        return tokens.transpose(1, 2).reshape(len(tokens), -1, down, across)


def distances(patches: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
    """How far patches are from the nearest of a memory.

    Args:
        patches: `(..., channels)` float32.
        memory: `(patches, channels)` float32.

    Returns:
        `(...)` float32, Euclidean.
    """
    rows = patches.reshape(-1, patches.shape[-1])
    starts = range(0, len(rows), _COMPARED_PATCHES)
    found = [_distances(rows[at : at + _COMPARED_PATCHES], memory) for at in starts]
    return torch.cat(found).reshape(patches.shape[:-1])


def _distances(rows: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
    nearest = memory[torch.cdist(rows, memory).argmin(dim=1)]
    # By differences: what cdist makes of squares and products is off where a patch is very near.
    found: torch.Tensor = torch.linalg.vector_norm(rows - nearest, dim=1)
    return found
