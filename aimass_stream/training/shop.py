"""A small shop: items that lead to one another, fashions that drift, and users with a taste."""

from __future__ import annotations

import random
from bisect import bisect
from itertools import accumulate

import numpy as np

CATEGORIES = 12
"""Kinds of items."""
SUCCESSORS = 5
"""Items that an item leads to."""

_FOLLOW, _TASTE = 0.55, 0.30
_DRIFT_EVERY_MS = 2 * 3600 * 1000
_DRIFT_SHARE = 0.03
_TASTE_FOCUS = 0.3
_LONGEST_SESSION = 25


class Shop:
    """Items with a popularity (Zipf), a category each, and a graph of what follows what.

    Args:
        items: how many.
        draw: of everything that is drawn; the shop goes on drawing from it.
        start_ms: event time at which it opens.
    """

    def __init__(self, items: int, draw: random.Random, start_ms: int) -> None:
        self._draw = draw
        self._names = [f"item-{number:04}" for number in range(items)]
        ranks = list(range(1, items + 1))
        draw.shuffle(ranks)
        self._weights = [1 / rank for rank in ranks]
        self._category = [draw.randrange(CATEGORIES) for _ in range(items)]
        self._refresh()
        self._next = [self._draw_successors(item) for item in range(items)]
        self._drift_ms = start_ms + _DRIFT_EVERY_MS

    def draw_taste(self) -> list[float]:
        """How much a new user likes each category; most like few."""
        seeded = np.random.default_rng(self._draw.getrandbits(32))
        return list(map(float, seeded.dirichlet([_TASTE_FOCUS] * CATEGORIES)))

    def draw_session(self, taste: list[float], now_ms: int) -> list[str]:
        """The items that a user looks at in one visit, in order.

        Each is likely to be one that the item before leads to, else one to the user's taste,
        else whatever is popular at the time.
        """
        self._drift(now_ms)
        length = min(_LONGEST_SESSION, 2 + int(self._draw.expovariate(1 / 6)))
        item = self._by_taste(taste)
        found = [item]
        while len(found) < length:
            chance = self._draw.random()
            if chance < _FOLLOW:
                # The first successor is the likeliest, each further one half as likely.
                place = min(int(self._draw.expovariate(0.7)), SUCCESSORS - 1)
                item = self._next[item][place]
            elif chance < _FOLLOW + _TASTE:
                item = self._by_taste(taste)
            else:
                item = _pick(self._draw, self._sums)
            found.append(item)
        return [self._names[item] for item in found]

    def draw_any(self) -> str:
        """An item regardless of taste and popularity."""
        return self._draw.choice(self._names)

    def _by_taste(self, taste: list[float]) -> int:
        members, sums = self._of_category[_pick(self._draw, list(accumulate(taste)))]
        return members[_pick(self._draw, sums)] if members else _pick(self._draw, self._sums)

    def _drift(self, now_ms: int) -> None:
        """Some items come into fashion, others go out of it and lead elsewhere."""
        while now_ms >= self._drift_ms:
            self._drift_ms += _DRIFT_EVERY_MS
            for _ in range(max(1, int(_DRIFT_SHARE * len(self._names)))):
                one, other = (self._draw.randrange(len(self._names)) for _ in range(2))
                weights = self._weights
                weights[one], weights[other] = weights[other], weights[one]
                self._next[one] = self._draw_successors(one)
            self._refresh()

    def _refresh(self) -> None:
        self._sums = list(accumulate(self._weights))
        members: list[list[int]] = [[] for _ in range(CATEGORIES)]
        for item, category in enumerate(self._category):
            members[category].append(item)
        self._of_category = [
            (found, list(accumulate(self._weights[item] for item in found))) for found in members
        ]

    def _draw_successors(self, item: int) -> list[int]:
        members, sums = self._of_category[self._category[item]]
        return [
            members[_pick(self._draw, sums)]
            if self._draw.random() < 0.8
            else self._draw.randrange(len(self._names))
            for _ in range(SUCCESSORS)
        ]


def _pick(draw: random.Random, sums: list[float]) -> int:
    """An index, as likely as its part of the running sums."""
    return min(bisect(sums, draw.random() * sums[-1]), len(sums) - 1)
