"""Parts of images filled in by diffusion, in a device process.

What is transparent in a PNG is filled; every other pixel of the answer is the record's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aimass_stream.adapters.diffusers_drawing import DiffusionModel, Prompt, seed_in
from aimass_stream.adapters.rows import alike, in_order
from aimass_stream.codecs.images import Pixels, decode_transparent
from aimass_stream.errors import Reason, RecordError
from aimass_stream.model import SEED_BYTES, ModelSpec
from aimass_stream.records import Drawing
from aimass_stream.records.told import split_told

_GRID = 8
"""Edges that the library draws are multiples of it."""


@dataclass(frozen=True, slots=True)
class Hole(Prompt):
    """An image, and what of it is to be filled.

    Attributes:
        pixels: `(height, width, 3)` uint8.
        hole: `(height, width)` bool.
    """

    pixels: Pixels
    hole: NDArray[np.bool_]


class Filler(DiffusionModel[Hole]):
    """The `Predictor` of `Diffusers("inpainting", ...)`: Stable Diffusion's inpainting.

    Args:
        spec: the resolved declaration; options `steps`, `guidance`, `avoid` and `strength`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such pipeline that can be loaded.
    """

    PIPELINES = frozenset({"StableDiffusionInpaintPipeline"})

    def __init__(self, spec: ModelSpec, device: str) -> None:
        super().__init__(spec, device, self.PIPELINES)

    def decode(self, payload: bytes | memoryview) -> Hole:
        """A seed, what the record says of the hole, and a PNG; several threads may call at once.

        Raises:
            RecordError: EMPTY, TOO_LARGE, UNDECODABLE, or TYPE_MISMATCH (also where nothing is
                transparent, so that nothing says what to fill).
        """
        told, image = split_told(payload[SEED_BYTES:])
        pixels, hole = decode_transparent(image, self._limits)
        if not hole.any():
            detail = "no pixel is transparent, so nothing says what to fill; send a PNG with alpha"
            raise RecordError(Reason.TYPE_MISMATCH, detail)
        if min(hole.shape) < _GRID:
            detail = f"{hole.shape[1]} x {hole.shape[0]} pixels are less than {_GRID} each way"
            raise RecordError(Reason.TYPE_MISMATCH, detail)
        return Hole(self._check(told.get("text", "")), seed_in(payload), pixels, hole)

    def predict(self, inputs: Sequence[Hole]) -> list[Drawing | RecordError]:
        """Fill each image, in the order of the inputs; files are stored before this returns.

        An image whose numbers are not all finite is a RecordError, INVALID_OUTPUT.
        """
        groups = alike(inputs, lambda one: one.hole.shape)
        return in_order(groups, [self._drawn([inputs[row] for row in rows]) for rows in groups])

    def _trial(self) -> Hole:
        edge = 64
        hole = np.zeros((edge, edge), bool)
        hole[: edge // 2] = True
        return Hole("a", 0, np.zeros((edge, edge, 3), np.uint8), hole)

    def _arguments(self, prompts: Sequence[Hole]) -> dict[str, Any]:
        height, width = (edge // _GRID * _GRID for edge in prompts[0].hole.shape)
        return {
            "image": [Image.fromarray(one.pixels) for one in prompts],
            "mask_image": [Image.fromarray(one.hole.astype(np.uint8) * 255) for one in prompts],
            "width": width,
            "height": height,
            "strength": float(self._options["strength"]),
        }

    def _finished(self, prompt: Hole, drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
        size = (prompt.hole.shape[1], prompt.hole.shape[0])
        whole = np.asarray(Image.fromarray(drawn).resize(size, Image.Resampling.LANCZOS))
        return np.where(prompt.hole[:, :, np.newaxis], whole, prompt.pixels)
