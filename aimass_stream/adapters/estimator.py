"""Estimators of scikit-learn behind a chain, in a device process; they run on the CPU."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.adapters.estimator_files import SklearnTask, outputs_of, read_estimator
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Cluster, Estimate, Prediction
from aimass_stream.transforms.chain import Kind
from aimass_stream.transforms.reading import Reading
from aimass_stream.transforms.values import Vector


class Estimator(ABC):
    """Base of the `Predictor`s of `Sklearn`. Rows do not depend on each other.

    Args:
        spec: the resolved declaration; options `before` and those of the task.
        device: of no account.

    Raises:
        SetupError: the folder holds no estimator of this task that can be loaded, or no chain
            that makes what it takes.
    """

    task: SklearnTask

    def __init__(self, spec: ModelSpec, device: str) -> None:
        del device
        self._options = spec.options
        held, self._estimator = read_estimator(Path(spec.folder))
        if held.task != self.task:
            raise SetupError(
                f"The estimator in {spec.folder} is for {held.task}; declare it for that."
            )
        self._labels, self._columns = held.labels, held.columns
        self._reading = Reading(spec, Kind.VECTOR)
        if self._reading.is_plain:
            raise SetupError(
                f"The folder {spec.folder} has no chain.json, so nothing says what {spec.id} is "
                "given of a record. Fit it with aimass_stream.training.fitting.fit."
            )

    def decode(self, payload: bytes | memoryview) -> Vector:
        """What the chain makes of a record before its columns; several threads may call at once.

        Raises:
            RecordError: what the decoder refuses, or TRANSFORM_ERROR.
        """
        return self._reading.vector(payload)

    def predict(self, inputs: Sequence[Vector]) -> list[Any | RecordError]:
        """Answer vectors, in their order.

        One that a step refuses, or that makes other columns than the estimator was fitted on, is
        a RecordError, TRANSFORM_ERROR; an answer that is not finite, INVALID_OUTPUT.
        """
        found = [self._checked(one) for one in self._reading.rows(inputs)] if inputs else []
        good = [one for one in found if not isinstance(one, RecordError)]
        answers = iter(self._answered(np.stack(good)) if good else ())
        return [one if isinstance(one, RecordError) else next(answers) for one in found]

    def close(self) -> None:
        """Give the estimator's memory back."""
        del self._estimator

    def _checked(self, vector: Vector | RecordError) -> Vector | RecordError:
        if isinstance(vector, RecordError) or len(vector) == self._columns:
            return vector
        detail = f"the chain made {len(vector)} columns, not {self._columns}"
        return RecordError(Reason.TRANSFORM_ERROR, detail)

    def _answered(self, rows: NDArray[Any]) -> list[Any | RecordError]:
        outputs = outputs_of(self._estimator, self.task, rows)
        finite = [bool(np.isfinite(row).all()) for row in outputs]
        return [
            answer
            if fine
            else RecordError(Reason.INVALID_OUTPUT, "the model's numbers are not all finite")
            for answer, fine in zip(self._answers(rows, outputs), finite, strict=True)
        ]

    @abstractmethod
    def _answers(self, rows: NDArray[Any], outputs: NDArray[np.float64]) -> list[Any]:
        """The answer to each row, from the row and its outputs."""


class EstimatedClass(Estimator):
    """The `Predictor` of `Sklearn("classification", ...)`.

    The label is what the estimator predicts. Scores are its probabilities; where it has none
    (SVM, perceptron), shares made of its distances from the boundaries.
    """

    task = "classification"

    @property
    def labels(self) -> Sequence[str]:
        """What it tells apart, in the order of its outputs."""
        return self._labels

    def _answers(self, rows: NDArray[Any], outputs: NDArray[np.float64]) -> list[Prediction]:
        top = min(int(self._options.get("top", 3)), len(self._labels))
        places = {label: place for place, label in enumerate(self._labels)}
        chosen = [places[str(label)] for label in self._estimator.predict(rows)]
        # An SVM's votes may choose another class than its largest margin.
        ranks = np.argsort(-outputs, axis=1, kind="stable")
        return [
            self._prediction([first, *(rank for rank in order if rank != first)][:top], scores)
            for first, order, scores in zip(chosen, ranks.tolist(), outputs.tolist(), strict=True)
        ]

    def _prediction(self, ranks: list[int], scores: list[float]) -> Prediction:
        found = {self._labels[rank]: scores[rank] for rank in ranks}
        return Prediction(self._labels[ranks[0]], scores[ranks[0]], found)


class EstimatedNumber(Estimator):
    """The `Predictor` of `Sklearn("regression", ...)`."""

    task = "regression"

    def _answers(self, rows: NDArray[Any], outputs: NDArray[np.float64]) -> list[Estimate]:
        del rows
        return [Estimate(dict(zip(self._labels, row, strict=True))) for row in outputs.tolist()]


class NearestCluster(Estimator):
    """The `Predictor` of `Sklearn("clustering", ...)`."""

    task = "clustering"

    def _answers(self, rows: NDArray[Any], outputs: NDArray[np.float64]) -> list[Cluster]:
        del rows
        nearest = outputs.argmin(axis=1).tolist()
        return [
            Cluster(place, row[place]) for place, row in zip(nearest, outputs.tolist(), strict=True)
        ]
