"""Drift: errors that become more, and answers that become others."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from math import erfc, log, sqrt
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from river.drift import ADWIN
from river.drift.adwin import (  # type: ignore[attr-defined]  # it is the extension's
    AdaptiveWindowing,
)
from scipy.special import chdtrc, rel_entr

from aimass_stream.learners.river_codec import Codec
from aimass_stream.records import Surprise

Counts = NDArray[np.int64]

_CODEC = Codec((ADWIN, AdaptiveWindowing))
_BANDS = 4
_FEW = 10


class ErrorDrift:
    """Errors of a model as labels come, in ADWIN's window (Bifet and Gavalda 2007).

    A label that is corrected later has counted as it came first: the window cannot forget one.

    Args:
        chance: how probable it may be that errors that did not change look as if.
    """

    def __init__(self, chance: float) -> None:
        self._chance = chance
        self._window = ADWIN(delta=chance)

    def learn(self, *, is_error: bool) -> Surprise | None:
        """Count an answer; what drifted, where errors became more."""
        window = self._window
        errors, answers = window.estimation * window.width + is_error, window.width + 1
        window.update(is_error)
        if not window.drift_detected:
            return None
        # What ADWIN has dropped is how it was before.
        old_answers = answers - window.width
        old = min(max((errors - window.estimation * window.width) / old_answers, 0.0), 1.0)
        new = window.estimation
        if new <= old:
            return None
        chance = _chance_of_rates(old, old_answers, new, window.width)
        parts = {"share of errors": new, "share of errors before": old}
        return _drift(chance, self._chance, f"errors rose from {old:.1%} to {new:.1%}", parts)

    def copy(self) -> Self:
        """One that goes on apart."""
        other = type(self)(self._chance)
        other._window = copy.deepcopy(self._window)  # noqa: SLF001 - it is one of its own kind
        return other

    def snapshot(self) -> dict[str, Any]:
        """ADWIN's window as plain data."""
        return _CODEC.encode(self._window)

    def restore(self, data: Mapping[str, Any]) -> None:
        """Have what was laid down."""
        self._window = _CODEC.decode(data)


class AnswerDrift:
    """What a model answers, window by window: labels, each in bands of confidence.

    Args:
        labels: what it tells apart.
        window_records: answers of a window.
        warm_records: first answers that are compared with nothing.
        chance: how probable it may be that answers that did not change look as if.
        least_distance: from which on they count as others.
    """

    def __init__(
        self,
        labels: Sequence[str],
        window_records: int,
        warm_records: int,
        *,
        chance: float,
        least_distance: float,
    ) -> None:
        self._labels = labels
        self._window_records, self._warm_records = window_records, warm_records
        self._chance, self._least_distance = chance, least_distance
        self.answers = 0
        self.distance: float | None = None
        self._before: Counts = np.zeros(len(labels) * _BANDS, np.int64)
        self._latest: Counts = np.zeros(len(labels) * _BANDS, np.int64)

    def learn(self, label: int, confidence: float) -> Surprise | None:
        """Count an answer; what drifted, where a window is full and its answers are others."""
        self.answers += 1
        if self.answers <= self._warm_records:
            return None
        self._latest[label * _BANDS + min(int(confidence * _BANDS), _BANDS - 1)] += 1
        if self._latest.sum() < self._window_records:
            return None
        latest, self._latest = self._latest, np.zeros_like(self._latest)
        if not self._before.any():
            self._before = latest
            return None
        before = self._before
        self.distance = distance_of(before, latest)
        chance = _chance_of_counts(before, latest)
        if self.distance < self._least_distance or chance > self._chance:
            return None
        # The new answers are the usual ones from now on, so that one change is one drift.
        self._before = latest
        return self._say(before, latest, chance)

    def copy(self) -> Self:
        """One that goes on apart."""
        other = copy.copy(self)
        other._latest = self._latest.copy()  # noqa: SLF001 - it is one of its own kind
        return other

    def snapshot(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
        """Counts by name, and plain data."""
        arrays: dict[str, NDArray[np.generic]] = {
            "before": self._before.copy(),
            "latest": self._latest.copy(),
        }
        return arrays, {"answers": self.answers, "distance": self.distance}

    def restore(self, arrays: Mapping[str, NDArray[Any]], data: Mapping[str, Any]) -> None:
        """Have what was laid down.

        Raises:
            ValueError: it is of another number of labels.
        """
        if arrays["latest"].shape != self._latest.shape:
            raise ValueError(f"answers of {len(arrays['latest']) // _BANDS} labels")
        self._before = arrays["before"].astype(np.int64)
        self._latest = arrays["latest"].astype(np.int64)
        self.answers, self.distance = data["answers"], data["distance"]

    def _say(self, before: Counts, latest: Counts, chance: float) -> Surprise:
        old, new = (
            counts.reshape(-1, _BANDS).sum(axis=1) / counts.sum() for counts in (before, latest)
        )
        first = int(np.argmax(np.abs(new - old)))
        reason = (
            f"answers are others, by a distance of {self.distance:.2f}: "
            f"{self._labels[first]!r} went from {old[first]:.1%} to {new[first]:.1%}"
        )
        return _drift(chance, self._chance, reason, {"distance": float(self.distance or 0.0)})


def distance_of(before: Counts, latest: Counts) -> float:
    """The Jensen-Shannon distance of two rows of counts, 0 to 1 (Endres and Schindelin 2003)."""
    one, other = before / before.sum(), latest / latest.sum()
    middle = (one + other) / 2
    divergence = (rel_entr(one, middle).sum() + rel_entr(other, middle).sum()) / 2
    return sqrt(max(float(divergence) / log(2), 0.0))


def _drift(chance: float, largest: float, reason: str, parts: dict[str, float]) -> Surprise:
    threshold = 1 - largest
    # ADWIN's bound is not the test that says how probable it is.
    return Surprise(
        max(1 - chance, threshold), threshold, is_alarm=True, reason=reason, parts=parts
    )


def _chance_of_rates(old: float, old_answers: float, new: float, new_answers: float) -> float:
    """How probable so large a rise is where nothing changed: a test of two proportions."""
    pooled = (old * old_answers + new * new_answers) / (old_answers + new_answers)
    spread = sqrt(pooled * (1 - pooled) * (1 / old_answers + 1 / new_answers))
    return 0.5 * erfc((new - old) / spread / sqrt(2)) if spread else 0.0


def _chance_of_counts(before: Counts, latest: Counts) -> float:
    """How probable so large a difference is where nothing changed: a G-test of two rows."""
    table = np.stack([before, latest])
    is_rare = table.sum(axis=0) < _FEW
    # Rare cells are one, since the test's distribution holds for none of them alone.
    table = np.column_stack([table[:, ~is_rare], table[:, is_rare].sum(axis=1)])
    table = table[:, table.sum(axis=0) > 0]
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = 2 * float(rel_entr(table, expected).sum())
    # Without a second cell there is nothing that could differ.
    return float(chdtrc(table.shape[1] - 1, statistic)) if table.shape[1] > 1 else 1.0
