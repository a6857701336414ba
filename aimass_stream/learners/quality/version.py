"""What is known of one version of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Snapshot
from aimass_stream.learners.quality.declaration import QualityWatch
from aimass_stream.learners.quality.drift import AnswerDrift, ErrorDrift
from aimass_stream.learners.quality.figures import LabelledWindow
from aimass_stream.records import ModelQuality, Surprise


class Version:
    """The answers of one version, and the labels that came for them.

    Args:
        watch: the declaration.
    """

    def __init__(self, watch: QualityWatch) -> None:
        self._watch = watch
        self._window = LabelledWindow(watch.window_records)
        self._errors = ErrorDrift(watch.drift_chance)
        self._answers = AnswerDrift(
            watch.labels,
            watch.window_records,
            watch.warm_records,
            chance=watch.drift_chance,
            least_distance=watch.least_distance,
        )
        self._corrected = 0
        self.unlabelled = 0

    def answer(self, shares: Mapping[int, float]) -> Surprise | None:
        """Count an answer, by its probabilities; what drifted."""
        best = next(iter(shares))
        return self._answers.learn(best, shares[best])

    def label(self, shares: Mapping[int, float], label: int) -> tuple[int, Surprise | None]:
        """Judge an answer by its label; the number it is corrected by, and what drifted."""
        number = self._window.add(shares, label, len(self._watch.labels))
        return number, self._errors.learn(is_error=next(iter(shares)) != label)

    def correct(self, number: int, shares: Mapping[int, float], label: int) -> None:
        """Judge an answer by another label, where the figures still hold it."""
        self._window.correct(number, shares, label, len(self._watch.labels))
        self._corrected += 1

    def quality(self, model: str) -> ModelQuality:
        """What there is to say of it."""
        figures = self._window.figures(self._watch.bands)
        return ModelQuality(
            model=model,
            accuracy=None if figures is None else figures.accuracy,
            brier=None if figures is None else figures.brier,
            calibration_error=None if figures is None else figures.calibration_error,
            labelled=0 if figures is None else figures.labelled,
            distance=self._answers.distance,
            answers=self._answers.answers,
            labels=self._window.count,
            corrected=self._corrected,
            unlabelled=self.unlabelled,
        )

    def copy(self) -> Self:
        """One that goes on apart."""
        other = type(self)(self._watch)
        other._window = self._window.copy()  # noqa: SLF001 - it is one of its own kind
        other._errors = self._errors.copy()  # noqa: SLF001
        other._answers = self._answers.copy()  # noqa: SLF001
        other._corrected, other.unlabelled = self._corrected, self.unlabelled  # noqa: SLF001
        return other

    def snapshot(self) -> Snapshot:
        """Lay it down."""
        counts, answers = self._answers.snapshot()
        data = {
            "labels": self._window.count,
            "corrected": self._corrected,
            "unlabelled": self.unlabelled,
            "errors": self._errors.snapshot(),
            "answers": answers,
        }
        return Snapshot({**self._window.snapshot(), **counts}, data)

    def restore(self, arrays: Mapping[str, NDArray[np.generic]], data: Mapping[str, Any]) -> None:
        """Have what was laid down.

        Raises:
            ValueError: it is of other settings.
        """
        self._window.restore(arrays, data["labels"])
        self._answers.restore(arrays, data["answers"])
        self._errors.restore(data["errors"])
        self._corrected, self.unlabelled = data["corrected"], data["unlabelled"]
