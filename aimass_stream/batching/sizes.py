"""Which size of batch works off most in a second, found by trying.

A line cannot say: a device that is full gains nothing by more rows, and a processor whose cache
they no longer fit into loses a third. So sizes are compared by what was worked off in batches
that were cut to them, padding counted as nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, hypot, log2, sqrt

from aimass_stream.batching.work import Work

WORTH = 0.03
"""How much more a larger batch must work off in a second than a smaller one."""

_ENOUGH = 3
_GAIN = 0.05
_GAIN_AFTER_LONG = 0.3
_LONG = 32
_LEAST_NOISE = 0.05
_OUTLIER = 2.0
_TRIES_EVERY = 32
_TRIES_EVERY_UNDECIDED = 4


@dataclass
class _Rate:
    """What batches of one size took.

    Attributes:
        batches: how many were seen.
        ms: milliseconds a usual row, padding left out; recent batches count for more.
        variance: of that, from batch to batch.
        seen: number of the batch, of all sizes, that was seen last.
    """

    batches: int = 0
    ms: float = 0.0
    variance: float = 0.0
    seen: int = 0

    @property
    def doubt_ms(self) -> float:
        """The standard error of `ms`."""
        variance = max(self.variance, (_LEAST_NOISE * self.ms) ** 2)
        return sqrt(variance / min(self.batches, 2 / _GAIN - 1))

    def learn(self, ms: float, gain: float) -> None:
        """Take in what a batch took."""
        self.batches += 1
        if self.batches > _ENOUGH:
            # A pause says nothing of the size.
            ms = min(ms, _OUTLIER * self.ms)
        gain, off = max(gain, 1 / self.batches), ms - self.ms
        self.ms += gain * off
        self.variance = (1 - gain) * (self.variance + gain * off * off)


class BatchSizes:
    """Powers of two of a batch's cost, compared while more waits than can be in time.

    One is in use until a neighbour is known to be better: the larger one where it works off more
    by `WORTH`, the smaller one where it loses less than that, since a larger batch only delays
    its rows. Neighbours are tried from time to time, more often while it is open whether they are
    better; one twice as large for the first time only where the last doubling was worth it.
    """

    def __init__(self) -> None:
        self._work = Work()
        self._rates: dict[int, _Rate] = {}
        self._used: int | None = None
        self._seen = 0
        self._chosen = 0

    def learn(self, size: int, rows: int, cost: float, ms: float) -> None:
        """Take in a batch that was cut to a size.

        Args:
            size: the power of two.
            rows: how many.
            cost: of all rows, padding left out.
            ms: what it took.
        """
        rate = self._rates.setdefault(size, _Rate())
        self._seen += 1
        is_old = self._seen - rate.seen > _LONG
        rate.seen = self._seen
        self._work.learn(rows, cost, ms)
        rate.learn(ms / self._work.rows(rows, cost), _GAIN_AFTER_LONG if is_old else _GAIN)

    def choose(self, first: int, least: int, most: int) -> int:
        """The power of two that the next batch is cut to.

        Args:
            first: the one to use until another is known to be better.
            least: that of a single row.
            most: the largest that may be.
        """
        used = min(max(first if self._used is None else self._used, least), most)
        for size in (used, max(used - 1, least)):
            if not self._is_known(size):
                return size
        larger = min(used + 1, most)
        if not self._is_known(larger) and self._may_gain(used, least):
            return larger
        beside = [size for size in (larger, used - 1) if size != used and self._is_known(size)]
        better = [size for size in beside if self._is_better(size, used)]
        if better:
            self._used = better[0]
            return better[0]
        self._chosen += 1
        is_open = any(not self._is_better(used, size) for size in beside)
        if beside and self._chosen % (_TRIES_EVERY_UNDECIDED if is_open else _TRIES_EVERY) == 0:
            return min(beside, key=lambda size: self._rates[size].seen)
        return used

    def _may_gain(self, size: int, least: int) -> bool:
        """Whether the size was worth its last doubling, as far as can be seen."""
        if size == least:
            return True
        return self._rates[size].ms < (1 - WORTH) * self._rates[size - 1].ms

    def _is_known(self, size: int) -> bool:
        rate = self._rates.get(size)
        return rate is not None and rate.batches >= _ENOUGH

    def _is_better(self, size: int, other: int) -> bool:
        """Whether one is known to be the better choice of two."""
        one, two = self._rates[size], self._rates[other]
        gain = 1 - WORTH if size > other else 1 / (1 - WORTH)
        return one.ms + hypot(one.doubt_ms, two.doubt_ms) < two.ms * gain


def size_of(cost: float) -> int:
    """The smallest power of two that is no less than a cost."""
    return ceil(log2(cost))
