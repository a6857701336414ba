"""The reward expected of each arm: a ridge regression for each, in spreads of what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FIRST_RECORDS = 20
_MOST_SPREADS = 10.0
_LEAST_SPREAD = 1e-30


class Spreads:
    """Where the numbers of records lie, and how far apart (Welford 1962).

    Args:
        numbers: of a record.
    """

    def __init__(self, numbers: int) -> None:
        self._records = 0
        self._mean = np.zeros(numbers)
        self._squares = np.zeros(numbers)

    def add(self, x: Floats) -> None:
        """Count a record's numbers, `(numbers,)`."""
        self._records += 1
        away = x - self._mean
        self._mean += away / self._records
        self._squares += away * (x - self._mean)

    @property
    def units(self) -> Floats:
        """A standard deviation of each number, `(numbers,)`; 1 where there is none yet."""
        units: Floats = np.sqrt(self._squares / max(1, self._records))
        return np.where(units > _LEAST_SPREAD, units, 1.0)

    def bound(self, x: Floats) -> Floats:
        """The numbers, none of them further out than ten standard deviations.

        So that one huge number is no yardstick for all that come later. The first twenty records
        are taken as they are.
        """
        if self._records < _FIRST_RECORDS:
            return x
        reach = _MOST_SPREADS * np.where(self._squares > 0, self.units, np.inf)
        return np.clip(x, self._mean - reach, self._mean + reach)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Lay it down."""
        return {
            "records": np.array(self._records),
            "mean": self._mean.copy(),
            "squares": self._squares.copy(),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Have what was laid down."""
        self._records = int(arrays["records"])
        self._mean, self._squares = arrays["mean"].copy(), arrays["squares"].copy()


class Rewards:
    """What each arm earned, by the numbers of the records that it was given to.

    Kept as means and moments around them, which lose no digits where numbers are large and
    close together. A reward costs `numbers²`, and the first estimate after it, a solve of as many
    equations for each arm.

    Args:
        arms: how many.
        numbers: of a record.
        ridge: rewards' worth of resistance: an arm with none is expected to earn what all do.
        middle: what is expected where nothing is known.
    """

    def __init__(self, arms: int, numbers: int, ridge: float, middle: float) -> None:
        self._ridge, self._middle = ridge, middle
        self._counts = np.zeros(arms, np.int64)
        self._earned = np.zeros(arms)
        self._mean = np.zeros((arms, numbers))
        self._moments = np.zeros((arms, numbers, numbers))
        self._products = np.zeros((arms, numbers))

    @property
    def total(self) -> int:
        """Rewards learnt."""
        return int(self._counts.sum())

    def learn(self, arm: int, x: Floats, reward: float) -> None:
        """Learn what an arm earned with a record of these numbers, `(numbers,)`."""
        self._counts[arm] += 1
        away = x - self._mean[arm]
        self._mean[arm] += away / self._counts[arm]
        self._earned[arm] += (reward - self._earned[arm]) / self._counts[arm]
        self._moments[arm] += np.outer(away, x - self._mean[arm])
        self._products[arm] += away * (reward - self._earned[arm])

    def lines(self, units: Floats) -> Lines:
        """What they say now, with numbers measured in these units, `(numbers,)`."""
        moments = self._moments / np.outer(units, units) + self._ridge * np.eye(len(units))
        slopes = np.linalg.solve(moments, (self._products / units)[:, :, None])[:, :, 0]
        total = self.total
        common = self._counts @ self._earned / total if total else self._middle
        weights = self._counts + self._ridge
        heights = (self._counts * self._earned + self._ridge * common) / weights
        return Lines(slopes / units, self._mean.copy(), heights)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Lay it down."""
        return {
            "counts": self._counts.copy(),
            "earned": self._earned.copy(),
            "mean": self._mean.copy(),
            "moments": self._moments.copy(),
            "products": self._products.copy(),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Have what was laid down."""
        self._counts, self._earned = arrays["counts"].copy(), arrays["earned"].copy()
        self._mean, self._moments = arrays["mean"].copy(), arrays["moments"].copy()
        self._products = arrays["products"].copy()


class Lines:
    """The expected reward of each arm as a line in the numbers of a record.

    Args:
        slopes: `(arms, numbers)`.
        means: `(arms, numbers)`, where an arm's height is.
        heights: `(arms,)`.
    """

    def __init__(self, slopes: Floats, means: Floats, heights: Floats) -> None:
        self._slopes, self._means, self._heights = slopes, means, heights

    def at(self, x: Floats) -> Floats:
        """Of a record of these numbers, `(numbers,)`: `(arms,)`."""
        rewards: Floats = self._heights + (self._slopes * (x - self._means)).sum(axis=1)
        return rewards
