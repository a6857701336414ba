"""Which size of batch works off most in a second, found by trying.

A line cannot say: a device that is full gains nothing by more rows, and a processor whose cache
they no longer fit into loses a third. So sizes are compared by what was worked off in batches
that were cut to them, padding counted as nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2

WORTH = 0.03
"""How much more a larger batch must work off in a second than a smaller one."""

_ENOUGH = 3
_GAIN = 0.1
_GAIN_AFTER_LONG = 0.3
_LONG = 32
_OUTLIER = 2.0
_TRIES_EVERY = 32


@dataclass
class _Rate:
    """What batches of one size took.

    Attributes:
        batches: how many were seen.
        ms: milliseconds a unit of cost, padding left out; recent batches count for more.
        seen: number of the batch, of all sizes, that was seen last.
    """

    batches: int = 0
    ms: float = 0.0
    seen: int = 0


class BatchSizes:
    """Powers of two of a batch's cost, compared while more waits than can be in time.

    The smallest is chosen that works off nearly as much as the best: a larger one only delays
    its rows. Neighbours of it that are not known are tried at once, and known ones again from
    time to time, since what else the machine does changes.
    """

    def __init__(self) -> None:
        self._rates: dict[int, _Rate] = {}
        self._seen = 0
        self._chosen = 0

    def learn(self, size: int, cost: float, ms: float) -> None:
        """Take in a batch that was cut to a size.

        Args:
            size: the power of two.
            cost: of its rows, padding left out.
            ms: what it took.
        """
        rate, found = self._rates.setdefault(size, _Rate()), ms / cost
        self._seen += 1
        gain = _GAIN_AFTER_LONG if self._seen - rate.seen > _LONG else _GAIN
        rate.batches, rate.seen = rate.batches + 1, self._seen
        if rate.batches > _ENOUGH:
            # A pause says nothing of the size.
            found = min(found, _OUTLIER * rate.ms)
        rate.ms += max(gain, 1 / rate.batches) * (found - rate.ms)

    def choose(self, first: int, least: int, most: int) -> int:
        """The power of two that the next batch is cut to.

        Args:
            first: the one to begin with.
            least: that of a single row.
            most: the largest that may be.
        """
        known = {
            size: rate
            for size, rate in self._rates.items()
            if size <= most and rate.batches >= _ENOUGH
        }
        if not known:
            return min(max(first, least), most)
        least_ms = min(rate.ms for rate in known.values())
        settled = min(size for size, rate in known.items() if rate.ms * (1 - WORTH) <= least_ms)
        beside = [size for size in (settled + 1, settled - 1) if least <= size <= most]
        unknown = [size for size in beside if size not in known]
        if unknown:
            return unknown[0]
        self._chosen += 1
        if self._chosen % _TRIES_EVERY == 0 and beside:
            return min(beside, key=lambda size: self._rates[size].seen)
        return settled


def size_of(cost: float) -> int:
    """The smallest power of two that is no less than a cost."""
    return ceil(log2(cost))
