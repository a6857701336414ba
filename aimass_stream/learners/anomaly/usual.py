"""What is usual: each feature's mean and spread, and how rare a raw score is."""

from __future__ import annotations

import numpy as np

from aimass_stream.learners.features import Floats

_MEMORY = 5_000
_TRUSTED = 100
_CLIPPED_AT = 5.0
_MOST_SPREADS = 50.0


class Usual:
    """Running mean and spread of each column; older records fade, outliers count clipped.

    Block by block, by the update of mean and variance of joined samples (Chan, Golub, LeVeque
    1979). Values beyond five spreads count as five, so that what is unusual does not become
    usual at once. NaN is no value.

    Args:
        columns: how many.

    Attributes:
        mean: `(columns,)` float64.
        variance: `(columns,)` float64.
        count: `(columns,)` float64; values a column has had, up to about 5,000.
    """

    def __init__(self, columns: int) -> None:
        self.mean: Floats = np.zeros(columns)
        self.variance: Floats = np.zeros(columns)
        self.count: Floats = np.zeros(columns)

    @property
    def spread(self) -> Floats:
        """`(columns,)`: the standard deviation; what hardly varies is held to vary a little."""
        # What hardly varies is held to vary by a thousandth, so that spreads stay meaningful.
        spread: Floats = np.sqrt(self.variance + 1e-6 * self.mean * self.mean + 1e-18)
        return spread

    def filled(self, values: Floats) -> Floats:
        """The values with the column's mean for each NaN."""
        filled: Floats = np.where(np.isnan(values), self.mean, values)
        return filled

    def spreads(self, values: Floats) -> Floats:
        """How many spreads from the mean values are, within 50; 0 for NaN and unknown columns."""
        known = (self.count > 0) & ~np.isnan(values)
        away = np.where(known, (values - self.mean) / self.spread, 0.0)
        spreads: Floats = np.minimum(np.maximum(away, -_MOST_SPREADS), _MOST_SPREADS)
        return spreads

    def learn(self, values: Floats) -> None:
        """Learn a block, `(rows, columns)`."""
        trusted = self.count >= _TRUSTED
        reach = np.where(trusted, _CLIPPED_AT * self.spread, np.inf)
        clipped = np.clip(values, self.mean - reach, self.mean + reach)
        there = ~np.isnan(clipped)
        rows = there.sum(axis=0)
        many = np.maximum(rows, 1)
        mean = np.where(there, clipped, 0.0).sum(axis=0) / many
        away = np.where(there, clipped - mean, 0.0)
        variance = (away * away).sum(axis=0) / many
        share = rows / np.maximum(self.count + rows, 1)
        shift = mean - self.mean
        self.mean = self.mean + share * shift
        self.variance = (1 - share) * (self.variance + share * shift * shift) + share * variance
        self.count = np.minimum(self.count + rows, _MEMORY)

    def snapshot(self) -> dict[str, Floats]:
        """By name, `(columns,)` float64 each."""
        return {"mean": self.mean, "variance": self.variance, "count": self.count}

    def restore(self, arrays: dict[str, Floats]) -> None:
        """Have what was laid down."""
        self.mean, self.variance = arrays["mean"], arrays["variance"]
        self.count = arrays["count"]


class Rarity:
    """The latest raw scores, and the share of them below another.

    Args:
        kept: how many.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._latest: Floats = np.empty(0)
        self._sorted: Floats = np.empty(0)

    @property
    def is_empty(self) -> bool:
        """Whether it has no scores yet."""
        return not len(self._latest)

    def share_below(self, raw: Floats) -> Floats:
        """`(rows,)` float64, 0 to 1: how many of the latest scores are below each; 0 if none."""
        if not len(self._sorted):
            return np.zeros(len(raw))
        shares: Floats = np.searchsorted(self._sorted, raw, side="left") / len(self._sorted)
        return shares

    def learn(self, raw: Floats) -> None:
        """Add scores, forgetting the oldest."""
        self._have(np.concatenate([self._latest, raw])[-self._kept :])

    def snapshot(self) -> Floats:
        """The latest scores, oldest first."""
        return self._latest

    def restore(self, latest: Floats) -> None:
        """Have the scores that were laid down."""
        self._have(latest)

    def _have(self, latest: Floats) -> None:
        self._latest = latest
        self._sorted = np.sort(latest)
