"""The states of online learners: score a record, and learn it when its target is known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.arrays import under
from aimass_stream.learners.features import Floats
from aimass_stream.learners.online.declarations import (
    OnlineClassifier,
    OnlineLearner,
    OnlineRegressor,
)
from aimass_stream.learners.online.ensembles import build
from aimass_stream.learners.online.examples import Example, Numbers, OnlineInput, Reader, number
from aimass_stream.learners.open_block import OpenBlock
from aimass_stream.learners.waiting import Waiting
from aimass_stream.records import Estimate, Prediction

AnswerT = TypeVar("AnswerT")


class OnlineState(ABC, Generic[AnswerT]):
    """The `LearnerState` that classifiers and regressors share.

    Args:
        learner: the declaration.
        labels: that are told apart; 0 for a regressor.
    """

    def __init__(self, learner: OnlineLearner[AnswerT], labels: int) -> None:
        self._learner = learner
        self._model = build(learner, labels)
        self._waiting: Waiting[Numbers] = Waiting(learner.keep_records, learner.keep_s)
        self._read = Reader(learner, self._read_target)
        self._learnt = 0
        self._unmatched = 0
        self._open = OpenBlock(lambda: None, self._answers)

    @property
    def counts(self) -> Mapping[str, int]:
        """Targets `learnt`, and feedback that was `unmatched`."""
        return {"learnt": self._learnt, "unmatched": self._unmatched}

    def read(self, event: Event) -> OnlineInput:
        """A record of numbers, or feedback.

        Raises:
            RecordError: it is neither, or has numbers or a target that cannot be.
        """
        return self._read(event)

    def score(self, inputs: Sequence[OnlineInput]) -> list[AnswerT | None]:
        """Answer records; None for feedback. Rows do not depend on each other."""
        return self._open.answers(inputs)

    def learn(self, inputs: Sequence[OnlineInput]) -> None:
        """Learn records whose target is known, and remember the others."""
        self._open.close()
        for one in inputs:
            if isinstance(one, Example):
                if one.target is None:
                    self._waiting.add(one.root, one.numbers, one.time_ms)
                else:
                    self._waiting.drop(one.root)
                    self._model.learn(one.numbers, one.target)
                    self._learnt += 1
            elif (numbers := self._waiting.take(one.root, one.time_ms)) is None:
                self._unmatched += 1
            else:
                self._model.learn(numbers, one.target)
                self._learnt += 1

    def snapshot(self) -> Snapshot:
        """Lay the state down."""
        rows = [list(numbers.values()) for numbers in self._waiting.items]
        model = self._model.snapshot()
        arrays: dict[str, NDArray[np.generic]] = {
            "waiting": np.array(rows, np.float64).reshape(len(rows), -1 if rows else 0),
            "times": self._waiting.times_ms,
            **{f"model.{name}": array for name, array in model.arrays.items()},
        }
        data = {"roots": self._waiting.roots, **self.counts, "model": model.data}
        return Snapshot(arrays, data)

    def restore(self, snapshot: Snapshot) -> None:
        """Become a state that was laid down.

        Raises:
            ValueError: it is of another model.
        """
        arrays, data = snapshot
        self._model.restore(Snapshot(under(arrays, "model."), data["model"]))
        numbers = [dict(enumerate(row)) for row in arrays["waiting"].tolist()]
        self._waiting.restore(data["roots"], numbers, arrays["times"].tolist())
        self._learnt, self._unmatched = data["learnt"], data["unmatched"]
        self._open.close()

    def _answers(self, ahead: None, inputs: Sequence[OnlineInput]) -> list[AnswerT | None]:
        del ahead
        return [
            self._answer(self._model.predict(one.numbers)) if isinstance(one, Example) else None
            for one in inputs
        ]

    @abstractmethod
    def _read_target(self, found: object) -> float | int:
        """What a model learns, from what JSON or feedback says.

        Raises:
            RecordError: BAD_ENVELOPE: it cannot be one.
        """

    @abstractmethod
    def _answer(self, numbers: Floats) -> AnswerT:
        """The answer, from the model's probabilities or its one number."""


class ClassifierState(OnlineState[Prediction]):
    """The `LearnerState` of `OnlineClassifier`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        classifier = OnlineClassifier("classifier", **settings)
        self._labels = tuple(classifier.labels)
        self._index = {label: i for i, label in enumerate(self._labels)}
        self._top = classifier.top
        super().__init__(classifier, len(self._labels))

    def _read_target(self, found: object) -> int:
        index = self._index.get(found) if isinstance(found, str) else None
        if index is None:
            said = repr(found)[:80]
            raise RecordError(
                Reason.BAD_ENVELOPE, f"label {said} is none of {', '.join(self._labels)}"
            )
        return index

    def _answer(self, numbers: Floats) -> Prediction:
        order = np.argsort(-numbers, kind="stable")[: self._top]
        scores = {self._labels[i]: float(numbers[i]) for i in order.tolist()}
        label = self._labels[int(order[0])]
        return Prediction(label, scores[label], scores)


class RegressorState(OnlineState[Estimate]):
    """The `LearnerState` of `OnlineRegressor`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(OnlineRegressor("regressor", **settings), 0)

    def _read_target(self, found: object) -> float:
        if isinstance(found, str):
            try:
                return number(float(found), self._learner.target)
            except ValueError:
                raise RecordError(
                    Reason.BAD_ENVELOPE, f"{self._learner.target!r} is no number"
                ) from None
        return number(found, self._learner.target)

    def _answer(self, numbers: Floats) -> Estimate:
        return Estimate({self._learner.target: float(numbers[0])})
