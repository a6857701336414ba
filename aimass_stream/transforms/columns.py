"""What the transforms of vectors that are fitted do: fitting, running, and being kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aimass_stream.errors import ConfigError, Reason, RecordError
from aimass_stream.transforms.estimators import Arrays, class_of, freeze_learnt, thaw_learnt
from aimass_stream.transforms.values import Vector
from aimass_stream.transforms.vectors import ClipOutliers, Columns, RefuseOutliers


class Learned(Protocol):
    """A step that is fitted. Its class, named by the step's `does`, is given the step."""

    def fit(self, values: Sequence[Any], answers: Sequence[Any] | None) -> None:
        """Learn from a captured range.

        Raises:
            ConfigError: it cannot, such as for want of answers.
        """
        ...

    def __call__(self, value: Any) -> Any:
        """What it makes of one value; several threads may call at once."""
        ...

    def freeze(self, arrays: Arrays, prefix: str) -> dict[str, Any]:
        """What was learnt, as JSON has it; arrays go into `arrays`, under the prefix."""
        ...

    def thaw(self, plain: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Have learnt what `freeze` wrote down."""
        ...


class FittedColumns:
    """An estimator of scikit-learn's over vectors.

    Args:
        step: its declaration.
    """

    def __init__(self, step: Columns) -> None:
        self._step = step
        self._estimator = _make(step)

    def fit(self, values: Sequence[Vector], answers: Sequence[Any] | None) -> None:
        """Learn from rows, and from the answers where it selects by them.

        Raises:
            ConfigError: scikit-learn refuses them.
        """
        try:
            self._estimator.fit(np.stack(values), answers)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{type(self._step).__name__} cannot be fitted: {error}") from error

    def __call__(self, value: Vector) -> Vector:
        """`(columns,)` float64."""
        found: Vector = self.rows(value[np.newaxis])[0]
        return found

    def rows(self, values: Vector) -> Vector:
        """`(rows, columns)`: a call costs as much for many rows as for one."""
        found: Vector = self._estimator.transform(values)
        return found

    def freeze(self, arrays: Arrays, prefix: str) -> dict[str, Any]:
        """What it has learnt."""
        return freeze_learnt(self._estimator, arrays, prefix)

    def thaw(self, plain: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Have learnt it."""
        self._estimator = thaw_learnt(_make(self._step), plain, arrays)


class _Bounds:
    """A lower and an upper bound of each column."""

    def __init__(self) -> None:
        self._low = self._high = np.zeros(0)

    def freeze(self, arrays: Arrays, prefix: str) -> dict[str, Any]:
        """The bounds."""
        arrays[f"{prefix}low"], arrays[f"{prefix}high"] = self._low, self._high
        return {"low": f"{prefix}low", "high": f"{prefix}high"}

    def thaw(self, plain: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Have these bounds."""
        self._low, self._high = arrays[plain["low"]], arrays[plain["high"]]


class Clip(_Bounds):
    """Numbers brought to two quantiles.

    Args:
        step: its declaration.
    """

    def __init__(self, step: ClipOutliers) -> None:
        super().__init__()
        self._step = step

    def fit(self, values: Sequence[Vector], answers: Sequence[Any] | None) -> None:
        """Take the quantiles of each column, of what is not missing."""
        del answers
        self._low, self._high = _quantiles(values, self._step.low, self._step.high)

    def __call__(self, value: Vector) -> Vector:
        """`(columns,)`, or rows of them; NaN stays."""
        return np.clip(value, self._low, self._high)

    rows = __call__


class Fence(_Bounds):
    """Records that lie outside are refused.

    Args:
        step: its declaration.
    """

    def __init__(self, step: RefuseOutliers) -> None:
        super().__init__()
        self._step = step

    def fit(self, values: Sequence[Vector], answers: Sequence[Any] | None) -> None:
        """Put up the fences around the quartiles, of what is not missing."""
        del answers
        first, third = _quantiles(values, 0.25, 0.75)
        beyond = self._step.fence * (third - first)
        self._low, self._high = first - beyond, third + beyond

    def __call__(self, value: Vector) -> Vector:
        """The vector as it is.

        Raises:
            RecordError: TRANSFORM_ERROR: a number lies beyond a fence.
        """
        outside = np.argwhere((value < self._low) | (value > self._high))
        if len(outside):
            raise RecordError(
                Reason.TRANSFORM_ERROR,
                f"RefuseOutliers: column {outside[0][-1]} lies outside of the captured range",
            )
        return value

    rows = __call__


def _quantiles(values: Sequence[Vector], low: float, high: float) -> tuple[Vector, Vector]:
    rows = np.stack(values)
    if np.isnan(rows).all(axis=0).any():
        raise ConfigError("a column has no number in the captured range; put Impute before it")
    found = np.nanquantile(rows, (low, high), axis=0)
    return found[0], found[1]


def _make(step: Columns) -> Any:
    """The estimator of a step, not fitted."""
    arguments = step.recipe
    if step.estimator == "SelectKBest":
        from sklearn.feature_selection import chi2

        arguments["score_func"] = chi2
    if step.estimator == "RFE":
        from sklearn.linear_model import LinearRegression, LogisticRegression

        logistic = arguments["estimator"] == "logistic"
        arguments["estimator"] = (
            LogisticRegression(max_iter=1_000) if logistic else LinearRegression()
        )
    return class_of(step.estimator)(**arguments)
