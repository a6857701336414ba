"""Images and names of one's choice: zero-shot detection and classification, in a device process.

The names are the declaration's, or each record brings its own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    AutoModelForZeroShotImageClassification,
    AutoModelForZeroShotObjectDetection,
)

from aimass_stream.adapters.phrases import NameReader, Names, Phrases, Sentence
from aimass_stream.adapters.transformers_detection import detections_of
from aimass_stream.adapters.vision import ImageModel, Outputs, Seen
from aimass_stream.codecs.images import Pixels
from aimass_stream.errors import RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Detections, Prediction
from aimass_stream.records.told import split_told

_ANY_NAME = ("object",)


@dataclass(frozen=True, slots=True)
class Asked(Seen):
    """An image, and the names that are looked for.

    Attributes:
        names: as the model reads them.
    """

    names: Names


class _Named(ImageModel):
    """What both have in common: names, and images that go together where they share them."""

    def _set_up(self) -> None:
        self._labels = tuple(str(name) for name in self._options["labels"])
        self._read_names = self._name_reader()
        try:
            self._declared = self._read_names(self._labels or _ANY_NAME)
        except RecordError as error:
            raise SetupError(f"The model in {self._folder}: {error.detail}.") from error

    @abstractmethod
    def _name_reader(self) -> NameReader:
        """What makes tokens of names, as the family was trained."""

    @property
    def labels(self) -> Sequence[str]:
        """The declaration's; none where each record brings its own."""
        return self._labels

    def decode(self, payload: bytes | memoryview) -> Asked:
        """One payload as the model takes it, with its own names unless the declaration has some.

        Raises:
            RecordError: EMPTY, TOO_LARGE, TYPE_MISMATCH, UNDECODABLE, TRANSFORM_ERROR, or
                BAD_ENVELOPE (names that the model cannot tell apart).
        """
        if self._labels:
            declared: Asked = super().decode(payload)
            return declared
        told, image = split_told(payload)
        names = self._read_names(tuple(told["labels"]))
        seen: Asked = super().decode(image)
        return Asked(seen.pixels, seen.width, seen.height, names)

    def _prepare(self, cleaned: Pixels) -> Asked:
        seen = super()._prepare(cleaned)
        return Asked(seen.pixels, seen.width, seen.height, self._declared)

    def _alike(self, seen: Any) -> Hashable:
        return seen.pixels.shape, seen.names.labels

    def _tokens(self, names: Names, copies: int = 1) -> dict[str, torch.Tensor]:
        return {
            name: found.to(self._device).repeat(copies, 1) for name, found in names.tokens.items()
        }


class OpenDetector(_Named):
    """The `Predictor` of `Transformers("zero-shot-object-detection", ...)`.

    OWL-ViT and OWLv2, which read each name in a phrase; Grounding DINO, which reads all of them in
    one sentence. There an object's score for a name is that of the name's best token.

    Args:
        spec: the resolved declaration; options `labels`, `template` (Grounding DINO has none),
            `threshold` and `top`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such model that can be loaded, or a declared name is none
            that it reads.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        auto_class = AutoModelForZeroShotObjectDetection
        super().__init__(spec, device, auto_class, "open-vocabulary detector")

    def _name_reader(self) -> NameReader:
        config = self._model.config
        if config.model_type == "grounding-dino":
            return Sentence(self._folder, int(config.max_text_len))
        if config.model_type.startswith("owl"):
            length = int(config.text_config.max_position_embeddings)
            return Phrases(self._folder, str(self._options["template"]), length, length)
        raise SetupError(
            f"The model in {self._folder} is of the family {config.model_type}; open-vocabulary "
            "detection takes OWL-ViT, OWLv2 and Grounding DINO."
        )

    def _forward(self, inputs: Sequence[Any]) -> dict[str, torch.Tensor]:
        names: Names = inputs[0].names
        found = self._model(pixel_values=self._pixels(inputs), **self._tokens(names, len(inputs)))
        logits = found.logits
        if names.owners is not None:
            logits = _by_name(logits, names.owners.to(self._device), len(names.labels))
        return {"logits": logits, "pred_boxes": found.pred_boxes}

    def _answer(self, outputs: dict[str, torch.Tensor], seen: Any) -> Detections:
        (found,) = self._processor.post_process_object_detection(
            Outputs(outputs),
            threshold=float(self._options["threshold"]),
            target_sizes=torch.tensor([(seen.height, seen.width)]),
        )
        names = dict(enumerate(seen.names.labels))
        return detections_of(found, names, seen, int(self._options["top"]))


def _by_name(logits: torch.Tensor, owners: torch.Tensor, names: int) -> torch.Tensor:
    """Logits of tokens, `(rows, objects, tokens)`, as those of names: of the best token of each."""
    tokens = logits[..., : len(owners)]
    return torch.stack([tokens[..., owners == name].amax(dim=-1) for name in range(names)], dim=-1)


class OpenClassifier(_Named):
    """The `Predictor` of `Transformers("zero-shot-image-classification", ...)`: CLIP and SigLIP.

    CLIP's probabilities are shares among the labels, SigLIP's stand each for itself.

    Args:
        spec: the resolved declaration; options `labels`, `template` and `top`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such model that can be loaded, or a declared name is none
            that it reads.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        auto_class = AutoModelForZeroShotImageClassification
        super().__init__(spec, device, auto_class, "zero-shot image classifier")

    def _name_reader(self) -> NameReader:
        length = int(self._model.config.text_config.max_position_embeddings)
        pad_to = length if self._is_siglip else 0
        return Phrases(self._folder, str(self._options["template"]), length, pad_to)

    @property
    def _is_siglip(self) -> bool:
        return "siglip" in str(self._model.config.model_type)

    def _forward(self, inputs: Sequence[Any]) -> dict[str, torch.Tensor]:
        tokens = self._tokens(inputs[0].names)
        if self._is_siglip:
            # It was trained to read its padding.
            tokens.pop("attention_mask", None)
        found = self._model(pixel_values=self._pixels(inputs), **tokens)
        return {"logits": found.logits_per_image}

    def _answer(self, outputs: dict[str, torch.Tensor], seen: Any) -> Prediction:
        logits = outputs["logits"][0]
        scores = logits.sigmoid() if self._is_siglip else logits.softmax(dim=0)
        best = torch.argsort(logits, descending=True, stable=True)[: int(self._options["top"])]
        found = {seen.names.labels[row]: float(scores[row]) for row in best.tolist()}
        label = next(iter(found))
        return Prediction(label, found[label], found)
