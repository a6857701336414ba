"""Whether what a model was fitted on still holds, and if not since when: by its errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from aimass_stream.learners.features import Floats
from aimass_stream.learners.quality.drift import ErrorDrift

_CHANCE = 0.002


class ErrorWatch:
    """Finds where a model errs more than it did, as an `ErrorDrift` does.

    A wrong label is an error. An estimate is one where it is further off than estimates have been
    on average since the last change: how often that is the case does not depend on a target's
    unit, and rises where estimates become worse.

    Args:
        labels: that are told apart; 0 to estimate a number.
    """

    def __init__(self, labels: int) -> None:
        self._labels = labels
        self._begin()

    def learn(self, said: Floats, target: float | int) -> tuple[bool, bool]:
        """Compare an answer with its target.

        Args:
            said: `(labels,)` probabilities, or `(1,)` with the estimate.
            target: the label's index, or the number.

        Returns:
            Whether it is an error, and whether errors have become more; then it begins anew.
        """
        is_error = self._is_error(said, target)
        if self._errors.learn(is_error=is_error) is None:
            return is_error, False
        self._begin()
        return is_error, True

    def snapshot(self) -> dict[str, Any]:
        """What it has seen, as plain data."""
        far = {"distance": self._distance, "estimates": self._estimates}
        return {"errors": self._errors.snapshot(), **far}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Have what was laid down."""
        self._errors.restore(data["errors"])
        self._distance, self._estimates = float(data["distance"]), int(data["estimates"])

    def _begin(self) -> None:
        self._errors = ErrorDrift(_CHANCE)
        self._distance = 0.0
        self._estimates = 0

    def _is_error(self, said: Floats, target: float | int) -> bool:
        if self._labels:
            return bool(np.argmax(said) != target)
        far: float = abs(float(said[0]) - target)
        self._distance += far
        self._estimates += 1
        return far * self._estimates > self._distance


def since_change(errors: Floats, least: int) -> int:
    """How many of the latest records lie behind the place where errors became more.

    That is where two shares of errors, the second the higher, explain them best: the maximum of
    the likelihood over all places (Hinkley 1970). ADWIN says that there was a change, and its
    window begins well before it.

    Args:
        errors: `(records,)` of 0 and 1, oldest first.
        least: records behind it.
    """
    records, sums = len(errors), np.cumsum(errors)
    before = np.arange(1, records - least + 1)
    behind = records - before
    wrong_before = sums[: len(before)]
    wrong_behind = sums[-1] - wrong_before
    fit = _likelihood(wrong_before, before) + _likelihood(wrong_behind, behind)
    rose = wrong_behind * before > wrong_before * behind
    return int(behind[np.argmax(np.where(rose, fit, -np.inf))]) if rose.any() else records


def _likelihood(wrong: Floats, records: NDArray[np.int64]) -> Floats:
    """The logarithm of how likely so many errors are under the share that explains them best."""
    right = records - wrong
    found: Floats = xlogy(wrong, wrong / records) + xlogy(right, right / records)
    return found
