"""What is done in a clip, with transformers, in a device process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForVideoClassification

# From its own module: the package's own name for it is bound to torchvision, which it never uses.
from transformers.models.vivit.image_processing_vivit import VivitImageProcessor

from aimass_stream.adapters.classification import (
    Classifier,
    Features,
    describe,
    load_processor,
)
from aimass_stream.adapters.packing import pack_linears
from aimass_stream.adapters.transformers_images import (
    Input,
    Preparation,
    load_image_processor,
    scaled,
)
from aimass_stream.codecs.clips import Frames, decode_clip
from aimass_stream.errors import SetupError
from aimass_stream.model import ModelSpec


class ActionClassifier(Classifier):
    """The `Predictor` of `Transformers("video-classification", ...)`.

    VideoMAE, TimeSformer and ViViT. Of a clip as many frames are looked at as the model was
    trained on, in their order.

    Args:
        spec: the resolved declaration; option `top`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no video classifier that can be loaded.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._limits = spec.limits
        processor = _FrameProcessor(_load_clip_processor(Path(spec.folder)))
        self._preparation = Preparation(processor, spec.limits)
        super().__init__(spec, device, AutoModelForVideoClassification, "video")
        frames = getattr(self._model.config, "num_frames", None)
        if not isinstance(frames, int) or frames < 1:
            raise SetupError(f"The model in {spec.folder} does not say how many frames it takes.")
        self._frames = frames
        scale, shift = self._preparation.affine
        self._scale = torch.from_numpy(scale).to(self._device).view(1, 1, -1, 1, 1)
        self._shift = torch.from_numpy(shift).to(self._device).view(1, 1, -1, 1, 1)
        self._try_out(self._prepare(np.zeros((frames, 64, 64, 3), np.uint8)))
        pack_linears(self._model)

    def decode(self, payload: bytes | memoryview) -> Input:
        """One GIF or WebP file as the model takes it; several threads may call at once.

        Returns:
            `(frames, channels, height, width)`.

        Raises:
            RecordError: EMPTY, TOO_LARGE, TYPE_MISMATCH or UNDECODABLE.
        """
        return self._prepare(decode_clip(payload, self._limits, self._frames))

    def _prepare(self, frames: Frames) -> Input:
        prepared: list[Any] = [self._preparation(frame) for frame in frames]
        return np.stack(prepared)

    def _forward(self, inputs: Sequence[Features]) -> Any:
        pixels = scaled(self._transfers.send_rows(inputs), self._scale, self._shift)
        return self._model(pixel_values=pixels.to(self._model.dtype))


def _load_clip_processor(folder: Path) -> Any:
    """The processor saved in a model folder; of ViViT there is one form only.

    Raises:
        SetupError: there is none that can be loaded.
    """
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise SetupError(describe(folder, error)) from error
    if config.model_type == "vivit":
        return load_processor(VivitImageProcessor.from_pretrained, folder)
    return load_image_processor(folder)


class _FrameProcessor:
    """A processor of clips that is called with one frame, as processors of images are.

    Args:
        processor: of clips; what it does to a frame depends on no other.
    """

    def __init__(self, processor: Any) -> None:
        self._processor = processor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)

    def __call__(self, image: NDArray[np.uint8], **told: Any) -> dict[str, Any]:
        return {"pixel_values": self._processor([image], **told)["pixel_values"][0]}
