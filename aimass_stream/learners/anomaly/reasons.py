"""Why a record is unusual, in a line for people."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, expm1

import numpy as np

from aimass_stream.learners.anomaly.usual import Usual
from aimass_stream.learners.features import Column, Floats

_PARTS = 5
_FAR = 2.0


class Reasons:
    """Names the feature of a record that deviates most, and how.

    Args:
        columns: the features.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._spoken = np.array([column.spoken for column in columns])

    def of(self, natural: Floats, spreads: Floats, usual: Usual) -> tuple[str, dict[str, float]]:
        """A record's reason and parts.

        Args:
            natural: `(columns,)` in the columns' units, NaN where there is no value.
            spreads: `(columns,)` spreads from the usual.
            usual: mean and spread of what models see.

        Returns:
            A line, and how many spreads the features are away that are furthest, largest first.
        """
        away = np.where(self._spoken & ~np.isnan(natural), np.abs(spreads), 0.0)
        order = np.argsort(-away, kind="stable")[:_PARTS].tolist()
        parts = {self._columns[i].name: float(away[i]) for i in order if away[i] > 0}
        if not parts:
            return "an unusual combination of features", parts
        first = order[0]
        mean, spread = float(usual.mean[first]), float(usual.spread[first])
        text = _deviation(self._columns[first], float(natural[first]), mean, spread)
        together = "" if away[first] >= _FAR else "an unusual combination; most of all "
        return together + text, parts


def _deviation(column: Column, value: float, mean: float, spread: float) -> str:
    if column.heavy:
        # What a spread in log(1 + value) is in units, close to the mean.
        mean, spread = expm1(mean), exp(mean) * spread
    unit = f" {column.unit}" if column.unit else ""
    return f"{column.name} {short(value)}{unit}, usually {short(mean)} ± {short(spread)}"


def short(number: float) -> str:
    """About three digits: 212, 1.3, 0.021, 3.4e+08."""
    size = abs(number)
    if 100 <= size < 1e6:
        return f"{number:,.0f}"
    if 1 <= size < 100:
        return f"{number:.1f}"
    return f"{number:.2g}"
