"""Who does the same as whom: items in one order, by more users than chance would have.

As in SynchroTrap (Cao, Yang, Yu and Palow, CCS 2014) a farm is told by its members acting alike
at one time, whatever each of them looks like alone. How many would do so by chance follows from
how popular items are and what follows what, so the ways that everybody goes are no farm.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

Items = tuple[str, ...]

LONGEST = 4
"""Items of the longest sequence."""

_SHORTEST = 3
_SHORT_MS = 1_000
_DISTINCT = 3
_UNKNOWN = 50
_SIGHTINGS = 64
_SPREADS = 4.0
_MEMORY = 500_000
_PACE_ACTIONS = 1_000
_LEAST_GAP_MS = 0.01


class Sighting(NamedTuple):
    """Somebody went a way.

    Attributes:
        user: who.
        time_ms: when its last item was.
    """

    user: str
    time_ms: int


class Together(NamedTuple):
    """Users who went one way, and how many more there are than chance would have.

    Attributes:
        users: they.
        ratio: how many there are, as a share of how many would be a farm.
        items: of the way.
    """

    users: list[str]
    ratio: float
    items: int


class Company:
    """Ways that users went of late, and how usual each is.

    Args:
        farm_users: from whom on users together may be a farm.
        farm_ms: milliseconds in which they are.
        items: remembered.
        sequences: remembered.
    """

    def __init__(self, farm_users: int, farm_ms: float, items: int, sequences: int) -> None:
        self._farm_users = farm_users
        self._shapes = ((_SHORTEST, float(_SHORT_MS)), (LONGEST, farm_ms))
        self._items, self._sequences = items, sequences
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._pairs: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._seen: OrderedDict[Items, list[Sighting]] = OrderedDict()
        self._total = 0
        self._gap_ms = 0.0
        self._last_ms = -1

    def beside(self, way: Items, user: str, time_ms: int) -> Together:
        """Who went the end of a way of late, the user among them.

        Args:
            way: the user's latest items, oldest first.
            user: who goes it.
            time_ms: when.
        """
        most = Together([], 0.0, 0)
        for length, window_ms in self._shapes:
            end = way[-length:]
            if len(end) < length or len(set(end)) < _DISTINCT:
                continue
            others = [
                seen.user
                for seen in self._seen.get(end, ())
                if abs(time_ms - seen.time_ms) <= window_ms and seen.user != user
            ]
            users = [*others, user]
            chance = self._chance(end) * window_ms / max(self._gap_ms, _LEAST_GAP_MS)
            needed = self._farm_users + chance + _SPREADS * chance**0.5
            ratio = len(users) / needed
            if ratio > most.ratio:
                most = Together(users, ratio, length)
        return most

    def see(self, way: Items, user: str, time_ms: int) -> None:
        """Remember that a user went a way."""
        for length, _ in self._shapes:
            end = way[-length:]
            if len(end) < length or len(set(end)) < _DISTINCT:
                continue
            sightings = [seen for seen in self._seen.get(end, ()) if seen.user != user]
            self._seen[end] = [*sightings, Sighting(user, time_ms)][-_SIGHTINGS:]
            self._seen.move_to_end(end)
        while len(self._seen) > self._sequences:
            self._seen.popitem(last=False)

    def learn(self, way: Items, time_ms: int) -> None:
        """Learn how usual the end of a way is."""
        _count(self._counts, way[-1], self._items)
        if len(way) > 1:
            _count(self._pairs, (way[-2], way[-1]), 2 * self._items)
        self._total += 1
        gap_ms = max(time_ms - self._last_ms, 0) if self._last_ms >= 0 else 0
        self._last_ms = max(time_ms, self._last_ms)
        self._gap_ms += (gap_ms - self._gap_ms) / min(self._total, _PACE_ACTIONS)
        if self._total >= _MEMORY:
            self._fade()

    def snapshot(self) -> dict[str, Any]:
        """All of it, as plain data."""
        return {
            "counts": [[item, count] for item, count in self._counts.items()],
            "pairs": [[*pair, count] for pair, count in self._pairs.items()],
            "seen": [[list(way), [list(one) for one in seen]] for way, seen in self._seen.items()],
            "total": self._total,
            "gap_ms": self._gap_ms,
            "last_ms": self._last_ms,
        }

    def restore(self, data: dict[str, Any]) -> None:
        """Have what was laid down."""
        self._counts = OrderedDict((item, count) for item, count in data["counts"])
        self._pairs = OrderedDict(((one, other), count) for one, other, count in data["pairs"])
        self._seen = OrderedDict(
            (tuple(way), [Sighting(*one) for one in seen]) for way, seen in data["seen"]
        )
        self._total, self._gap_ms = data["total"], data["gap_ms"]
        self._last_ms = data["last_ms"]

    def _chance(self, way: Items) -> float:
        """Share of actions that end such a way, were each item to follow from the last alone.

        What is not well known is taken for rare, or a farm would make its own way a usual one.
        """
        share = self._counts.get(way[0], 0) / max(self._total, 1)
        for pair in pairwise(way):
            share *= self._pairs.get(pair, 0) / (self._counts.get(pair[0], 0) + _UNKNOWN)
        return share

    def _fade(self) -> None:
        """Halve all counts; what was seen once goes."""
        self._counts = OrderedDict((it, n // 2) for it, n in self._counts.items() if n > 1)
        self._pairs = OrderedDict((it, n // 2) for it, n in self._pairs.items() if n > 1)
        self._total //= 2


def _count(counts: OrderedDict[Any, int], name: Any, most: int) -> None:
    counts[name] = counts.get(name, 0) + 1
    counts.move_to_end(name)
    if len(counts) > most:
        counts.popitem(last=False)


def way_of(items: Sequence[str], item: str) -> Items:
    """The way behind one more item; the same again goes no further."""
    if items and items[-1] == item:
        return tuple(items)
    return (*items, item)[-LONGEST:]
