"""Images and names that a declaration chooses: zero-shot detection and classification.

In a device process. The names are tokenised once, when the model is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import (
    AutoModelForZeroShotImageClassification,
    AutoModelForZeroShotObjectDetection,
    AutoTokenizer,
)

from aimass_stream.adapters.classification import describe
from aimass_stream.adapters.transformers_detection import detections_of
from aimass_stream.adapters.vision import ImageModel, Outputs, Seen
from aimass_stream.errors import SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Detections, Prediction


class _Named(ImageModel):
    """What both have in common: phrases made of the declaration's labels, as tokens."""

    def _set_up(self) -> None:
        self._labels = [str(name) for name in self._options["labels"]]
        template = str(self._options["template"])
        phrases = [template.replace("{label}", label) for label in self._labels]
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                self._folder, local_files_only=True, trust_remote_code=False
            )
            made = tokenizer(phrases, truncation=True, return_tensors="pt", **self._padding())
        except Exception as error:
            raise SetupError(
                f"{describe(self._folder, error)} Is there a tokenizer.json? It is written by "
                "processor.save_pretrained(folder), beside the model."
            ) from error
        self._tokens = {
            name: made[name].to(self._device)
            for name in ("input_ids", "attention_mask")
            if name in made
        }

    def _padding(self) -> dict[str, Any]:
        """How phrases are brought to one length, as the family was trained."""
        return {"padding": True}

    @property
    def labels(self) -> Sequence[str]:
        """The declaration's."""
        return self._labels


class OpenDetector(_Named):
    """The `Predictor` of `Transformers("zero-shot-object-detection", ...)`: OWL-ViT and OWLv2.

    Args:
        spec: the resolved declaration; options `labels`, `template`, `threshold` and `top`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such model that can be loaded.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        auto_class = AutoModelForZeroShotObjectDetection
        super().__init__(spec, device, auto_class, "open-vocabulary detector")

    def _set_up(self) -> None:
        # Others read all names as one sentence and answer with parts of it.
        if not self._model.config.model_type.startswith("owl"):
            raise SetupError(
                f"The model in {self._folder} is of the family {self._model.config.model_type}; "
                "open-vocabulary detection takes OWL-ViT and OWLv2."
            )
        super()._set_up()
        self._names = dict(enumerate(self._labels))

    def _padding(self) -> dict[str, Any]:
        length = self._model.config.text_config.max_position_embeddings
        return {"padding": "max_length", "max_length": length}

    def _forward(self, inputs: Sequence[Seen]) -> dict[str, torch.Tensor]:
        tokens = {name: found.repeat(len(inputs), 1) for name, found in self._tokens.items()}
        found = self._model(pixel_values=self._pixels(inputs), **tokens)
        return {"logits": found.logits, "pred_boxes": found.pred_boxes}

    def _answer(self, outputs: dict[str, torch.Tensor], seen: Seen) -> Detections:
        (found,) = self._processor.post_process_object_detection(
            Outputs(outputs),
            threshold=float(self._options["threshold"]),
            target_sizes=torch.tensor([(seen.height, seen.width)]),
        )
        return detections_of(found, self._names, seen, int(self._options["top"]))


class OpenClassifier(_Named):
    """The `Predictor` of `Transformers("zero-shot-image-classification", ...)`: CLIP and SigLIP.

    CLIP's probabilities are shares among the labels, SigLIP's stand each for itself.

    Args:
        spec: the resolved declaration; options `labels`, `template` and `top`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such model that can be loaded.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        auto_class = AutoModelForZeroShotImageClassification
        super().__init__(spec, device, auto_class, "zero-shot image classifier")

    def _padding(self) -> dict[str, Any]:
        if not self._is_siglip:
            return {"padding": True}
        length = self._model.config.text_config.max_position_embeddings
        return {"padding": "max_length", "max_length": length}

    @property
    def _is_siglip(self) -> bool:
        return "siglip" in str(self._model.config.model_type)

    def _forward(self, inputs: Sequence[Seen]) -> dict[str, torch.Tensor]:
        tokens = dict(self._tokens)
        if self._is_siglip:
            # It was trained to read its padding.
            tokens.pop("attention_mask", None)
        found = self._model(pixel_values=self._pixels(inputs), **tokens)
        return {"logits": found.logits_per_image}

    def _answer(self, outputs: dict[str, torch.Tensor], seen: Seen) -> Prediction:
        del seen
        logits = outputs["logits"][0]
        scores = logits.sigmoid() if self._is_siglip else logits.softmax(dim=0)
        best = torch.argsort(logits, descending=True, stable=True)[: int(self._options["top"])]
        found = {self._labels[row]: float(scores[row]) for row in best.tolist()}
        label = next(iter(found))
        return Prediction(label, found[label], found)
