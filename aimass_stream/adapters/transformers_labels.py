"""Texts to any number of labels, to numbers, or to labels that a declaration chooses.

With transformers' sequence classifiers, in a device process.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from aimass_stream.adapters.rows import in_order
from aimass_stream.adapters.transformers_text import Ids, TextModel, pack
from aimass_stream.adapters.vision import class_names
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Estimate, Labels, Prediction
from aimass_stream.transforms.chain import Kind
from aimass_stream.transforms.reading import Reading

_NOT_FINITE = "the model's numbers are not all finite"


class _SequenceModel(TextModel):
    """A sequence classifier, read as the task asks for."""

    def __init__(self, spec: ModelSpec, device: str, what: str) -> None:
        self._options = spec.options
        self._reading = Reading(spec, Kind.TEXT)
        super().__init__(spec, device, AutoModelForSequenceClassification, what)
        names = class_names(self._model.config)
        self._names = [names[number] for number in sorted(names)]

    def _values(self, inputs: Sequence[Ids]) -> torch.Tensor:
        """`(rows, outputs)`."""
        with torch.inference_mode():
            logits: torch.Tensor = self._model(**self._inputs.batch(inputs, self._transfers)).logits
            return logits.float().cpu()

    def _rows(self, inputs: Sequence[Ids]) -> list[torch.Tensor]:
        """The outputs for each input, in their order."""
        groups = self._inputs.groups(inputs)
        found = [list(self._values([inputs[row] for row in rows])) for rows in groups]
        return in_order(groups, found)


class LabelFinder(_SequenceModel):
    """The `Predictor` of `Transformers("multi-label-classification", ...)`.

    Args:
        spec: the resolved declaration; options `top`, `threshold` and `max_tokens`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no text classifier that can be loaded, or one that was made
            to give each text one label.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        super().__init__(spec, device, "text classifier")
        if self._model.config.problem_type not in {None, "multi_label_classification"}:
            raise SetupError(
                f"The model in {self._folder} is made for {self._model.config.problem_type}; "
                "declare it for text-classification or text-regression."
            )

    def decode(self, payload: bytes | memoryview) -> Ids:
        """A text in UTF-8 as tokens; several threads may call at once.

        Raises:
            RecordError: EMPTY, TOO_LARGE or UNDECODABLE.
        """
        return self._inputs.decode(payload)

    def predict(self, inputs: Sequence[Ids]) -> list[Labels | RecordError]:
        """The labels of each text, in the order of the inputs."""
        return [self._answer(row) for row in self._rows(inputs)]

    def _answer(self, logits: torch.Tensor) -> Labels | RecordError:
        if not torch.isfinite(logits).all():
            return RecordError(Reason.INVALID_OUTPUT, _NOT_FINITE)
        order = torch.argsort(logits, descending=True, stable=True).tolist()
        scores = logits.sigmoid().tolist()
        threshold = float(self._options.get("threshold", 0.5))
        return Labels(
            [self._names[row] for row in order if scores[row] >= threshold],
            {self._names[row]: scores[row] for row in order[: int(self._options.get("top", 3))]},
        )


class Estimator(_SequenceModel):
    """The `Predictor` of `Transformers("text-regression", ...)`.

    Args:
        spec: the resolved declaration; option `max_tokens`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such model that can be loaded, or one that classifies.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        super().__init__(spec, device, "text regression model")
        config = self._model.config
        if config.problem_type != "regression" and len(self._names) > 1:
            raise SetupError(
                f"The model in {self._folder} has {len(self._names)} outputs and its config.json "
                'does not say "problem_type": "regression"; declare it for text-classification.'
            )

    def decode(self, payload: bytes | memoryview) -> Ids:
        """A text in UTF-8 as tokens; several threads may call at once.

        Raises:
            RecordError: EMPTY, TOO_LARGE or UNDECODABLE.
        """
        return self._inputs.decode(payload)

    def predict(self, inputs: Sequence[Ids]) -> list[Estimate | RecordError]:
        """The numbers for each text, in the order of the inputs."""
        return [
            Estimate(dict(zip(self._names, row.tolist(), strict=True)))
            if torch.isfinite(row).all()
            else RecordError(Reason.INVALID_OUTPUT, _NOT_FINITE)
            for row in self._rows(inputs)
        ]


class OpenLabeller(_SequenceModel):
    """The `Predictor` of `Transformers("zero-shot-classification", ...)`.

    A model of natural language inference reads the text with one sentence for each label; how
    much the text entails each, among all of them, is the label's score.

    Args:
        spec: the resolved declaration; options `labels`, `template`, `top` and `max_tokens`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such model that can be loaded, or one without a label
            that begins with `entail`.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        super().__init__(spec, device, "model of natural language inference")
        found = [row for row, name in enumerate(self._names) if name.lower().startswith("entail")]
        if len(found) != 1:
            raise SetupError(
                f"The model in {self._folder} has the labels {', '.join(self._names)}; one of "
                "natural language inference has one that begins with `entail`."
            )
        self._entailment = found[0]
        self._chosen = [str(name) for name in self._options["labels"]]
        template = str(self._options["template"])
        self._sentences = [template.replace("{label}", name) for name in self._chosen]
        self._inputs.pair_up("only_first")

    @property
    def labels(self) -> Sequence[str]:
        """The declaration's."""
        return self._chosen

    def decode(self, payload: bytes | memoryview) -> list[Ids]:
        """A text with each sentence as tokens; several threads may call at once.

        Raises:
            RecordError: EMPTY, TOO_LARGE or UNDECODABLE.
        """
        text = self._reading.text(payload)
        return [pack(self._inputs.pair(text, sentence)) for sentence in self._sentences]

    def predict(self, inputs: Sequence[list[Ids]]) -> list[Prediction | RecordError]:
        """The labels of each text, in the order of the inputs."""
        rows = self._rows([ids for pairs in inputs for ids in pairs])
        bounds = pairwise(range(0, len(rows) + 1, len(self._chosen)))
        return [self._answer(torch.stack(rows[first:last])) for first, last in bounds]

    def _answer(self, logits: Any) -> Prediction | RecordError:
        entailed = logits[:, self._entailment]
        if not torch.isfinite(entailed).all():
            return RecordError(Reason.INVALID_OUTPUT, _NOT_FINITE)
        scores = entailed.softmax(dim=0).tolist()
        order = torch.argsort(entailed, descending=True, stable=True).tolist()
        best = {self._chosen[row]: scores[row] for row in order[: int(self._options["top"])]}
        label = next(iter(best))
        return Prediction(label, best[label], best)
