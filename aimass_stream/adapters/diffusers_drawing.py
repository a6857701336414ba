"""Images drawn from texts by diffusion, in a device process.

Each row draws its noise from a generator of its own, seeded by its record, so that a record's image
depends neither on its neighbours nor on how often it was tried.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from aimass_stream.adapters.classification import describe
from aimass_stream.adapters.diffusers_loading import load_pipeline
from aimass_stream.adapters.storing import png_of, store
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import SEED_BYTES, ModelSpec
from aimass_stream.records import Drawing
from aimass_stream.records.image import PNG
from aimass_stream.records.stored import Safety
from aimass_stream.transforms.chain import Kind
from aimass_stream.transforms.reading import Reading

_TRIAL_STEPS = 2
_SAFETY: Mapping[bool | None, Safety] = {None: "unchecked", False: "safe", True: "unsafe"}


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is to be drawn.

    Attributes:
        text: in words.
        seed: of what is drawn at random.
    """

    text: str
    seed: int


PromptT = TypeVar("PromptT", bound=Prompt)


class DiffusionModel(ABC, Generic[PromptT]):
    """Base of `Predictor`s that draw.

    Args:
        spec: the resolved declaration; options `steps`, `guidance` and `avoid`.
        device: `cpu` or `cuda:0`.
        pipelines: the library's classes that can do it.

    Raises:
        SetupError: the folder holds no such pipeline that can be loaded, or it fails on a first
            image.
    """

    def __init__(self, spec: ModelSpec, device: str, pipelines: Collection[str]) -> None:
        self._folder = Path(spec.folder)
        self._options = spec.options
        self._limits = spec.limits
        self._store = store()
        self._device = torch.device(device)
        self._pipeline = load_pipeline(self._folder, pipelines, self._device)
        # The pipeline cuts and pads with its own while other threads decode.
        self._tokenizer = deepcopy(self._pipeline.tokenizer)
        try:
            (first,) = self._images([self._trial()], _TRIAL_STEPS).images
        except Exception as error:
            raise SetupError(
                f"{describe(self._folder, error)} It failed on a first image."
            ) from error
        if not np.isfinite(first).all():
            raise SetupError(
                f"The pipeline in {self._folder} draws numbers that are not finite. Its weights "
                "are unusable."
            )

    def close(self) -> None:
        """Give the weights' memory back."""
        del self._pipeline
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    @abstractmethod
    def _trial(self) -> PromptT:
        """What is drawn first, to see that it can."""

    @abstractmethod
    def _arguments(self, prompts: Sequence[PromptT]) -> dict[str, Any]:
        """What the pipeline is told beside prompts, seeds and settings of all pipelines."""

    def _check(self, text: str) -> str:
        """A prompt that the model reads to its end; half of it would be another one.

        Raises:
            RecordError: TOO_LARGE.
        """
        tokens, most = len(self._tokenizer(text)["input_ids"]), self._tokenizer.model_max_length
        if tokens > most:
            detail = f"the prompt has {tokens} tokens, more than the {most} that the model reads"
            raise RecordError(Reason.TOO_LARGE, detail)
        return text

    def _images(self, prompts: Sequence[PromptT], steps: int | None = None) -> Any:
        """What the library draws: `images` `(rows, height, width, 3)` float32, 0 to 1."""
        avoid = str(self._options["avoid"])
        with torch.inference_mode():
            return self._pipeline(
                prompt=[prompt.text for prompt in prompts],
                # On the CPU: the same noise whatever the device.
                generator=[torch.Generator().manual_seed(prompt.seed) for prompt in prompts],
                num_inference_steps=steps or int(self._options["steps"]),
                guidance_scale=float(self._options["guidance"]),
                output_type="np",
                **({"negative_prompt": [avoid] * len(prompts)} if avoid else {}),
                **self._arguments(prompts),
            )

    def _drawn(self, prompts: Sequence[PromptT]) -> list[Drawing | RecordError]:
        """Draw rows together."""
        found = self._images(prompts)
        flags = getattr(found, "nsfw_content_detected", None) or [None] * len(prompts)
        return [
            self._answer(prompt, image, _SAFETY[flag])
            for prompt, image, flag in zip(prompts, found.images, flags, strict=True)
        ]

    def _answer(
        self, prompt: PromptT, image: NDArray[np.float32], safety: Safety
    ) -> Drawing | RecordError:
        if not np.isfinite(image).all():
            return RecordError(Reason.INVALID_OUTPUT, "the model's numbers are not all finite")
        drawn = (image * 255).round().clip(0, 255).astype(np.uint8)
        pixels = drawn if safety == "unsafe" else self._finished(prompt, drawn)
        claim = self._store.put(png_of(np.ascontiguousarray(pixels)), PNG)
        return Drawing(claim, pixels.shape[1], pixels.shape[0], prompt.seed, safety)

    def _finished(self, prompt: PromptT, drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image as it is stored, made of what was drawn."""
        del prompt
        return drawn


class Drawer(DiffusionModel[Prompt]):
    """The `Predictor` of `Diffusers("text-to-image", ...)`: Stable Diffusion, and its kin.

    Args:
        spec: the resolved declaration; options `steps`, `guidance`, `avoid`, `width` and `height`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such pipeline that can be loaded, or images would be
            larger than the declaration's `image_pixels`.
    """

    PIPELINES = frozenset(
        {"LatentConsistencyModelPipeline", "StableDiffusionPipeline", "StableDiffusionXLPipeline"}
    )

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._reading = Reading(spec, Kind.TEXT)
        self._size = {
            edge: int(spec.options[edge]) for edge in ("width", "height") if spec.options[edge]
        }
        super().__init__(spec, device, self.PIPELINES)

    def decode(self, payload: bytes | memoryview) -> Prompt:
        """A seed and a text in UTF-8; several threads may call at once.

        Raises:
            RecordError: EMPTY, TOO_LARGE (also where it has more tokens than the model reads),
                UNDECODABLE or TRANSFORM_ERROR.
        """
        text = self._reading.text(payload[SEED_BYTES:])
        return Prompt(self._check(text), seed_in(payload))

    def predict(self, inputs: Sequence[Prompt]) -> list[Drawing | RecordError]:
        """Draw each text, in the order of the inputs; files are stored before this returns.

        An image whose numbers are not all finite is a RecordError, INVALID_OUTPUT.
        """
        return self._drawn(inputs) if inputs else []

    def _trial(self) -> Prompt:
        edge = self._own_edge()
        width, height = self._size.get("width", edge), self._size.get("height", edge)
        if width * height > self._limits.image_pixels:
            raise SetupError(
                f"Images of {width} x {height} pixels are more than the declaration's limit of "
                f"{self._limits.image_pixels}."
            )
        return Prompt("a", 0)

    def _own_edge(self) -> int:
        """Pixels of the edge that the model draws at unless told."""
        return int(self._pipeline.unet.config.sample_size) * int(self._pipeline.vae_scale_factor)

    def _arguments(self, prompts: Sequence[Prompt]) -> dict[str, Any]:
        del prompts
        return dict(self._size)


def seed_in(payload: bytes | memoryview) -> int:
    """The seed that a payload begins with, 0 or above, below 2^63."""
    return int.from_bytes(payload[:SEED_BYTES], "little") >> 1
