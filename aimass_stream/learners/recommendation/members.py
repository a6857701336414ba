"""The members of a recommender, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Snapshot
from aimass_stream.learners.recommendation.neighbours import Neighbours
from aimass_stream.learners.recommendation.pairs import Pairs
from aimass_stream.learners.recommendation.popularity import Popularity
from aimass_stream.learners.recommendation.recommender import Recommender
from aimass_stream.learners.recommendation.taste import Taste
from aimass_stream.learners.recommendation.users import History

Slots = NDArray[np.int32]
Floats = NDArray[np.float64]

REASONS = (
    "follows",
    "similar",
    "similar",
    "similar",
    "similar",
    "popular",
    "popular",
    "taste",
    "taste",
)
"""What a member says for an item, in the order of the rows of `Candidates.shares`."""

_VOTING = (0, 1, 3, 5, 6, 7)
_FOLLOWS = (0.8 ** np.arange(10)).astype(np.float32)
_SIMILAR = 10
_NEIGHBOURS = 20
_FADES = (0.9 ** np.arange(20)).astype(np.float32)
_AGAINS: Floats = 0.8 ** np.arange(20, dtype=np.float64)
_SHARPNESS = 6.0


class Candidates(NamedTuple):
    """Items that some member is for.

    Attributes:
        slots: `(candidates,)` int32, ascending.
        shares: `(members, candidates)` float64: what part of a member's votes an item has.
    """

    slots: Slots
    shares: Floats


class Members:
    """Every member learns every event; together they name the candidates.

    Args:
        declared: the declaration.
    """

    def __init__(self, declared: Recommender) -> None:
        self._room = 0
        self.follows = Pairs(room=64, half_life=300)
        self.similar = Pairs(room=64, half_life=600)
        self.neighbours = Neighbours(declared.sessions, length=20, postings=128, nearest=300)
        self.popular = Popularity(half_life=20_000, pool=100)
        self.recent = Popularity(half_life=300, pool=100)
        self.taste = Taste(factors=10, rate=0.05, seed=declared.seed)

    def fit(self, items: int) -> None:
        """Have room for so many items."""
        for member in (self.follows, self.similar, self.neighbours, self.popular, self.recent):
            member.fit(items)
        self.taste.fit(items)
        self._room = max(items, self._room)

    def learn(self, user: str, before: History, after: History, item: int, other: int) -> int:
        """Learn that a user went on to an item, and not to another.

        Returns:
            The number of the session the item is in.
        """
        latest = np.array([slot for slot in before.recent if slot != item][:_SIMILAR], np.int32)
        if len(latest):
            followed = latest[: len(_FOLLOWS)]
            self.follows.add(followed, item, _FOLLOWS[: len(followed)])
            weights = _FADES[: len(latest)]
            self.similar.add(latest, item, weights)
            self.similar.add_to_row(item, latest, weights)
        self.popular.add(item)
        self.recent.add(item)
        self.taste.learn(user, item, other)
        return self.neighbours.add(after.session, item)

    def candidates(self, user: str, history: History, hidden: list[int]) -> Candidates:
        """What the members would show a user next, but for what is hidden."""
        votes = [*self._votes(history)]
        named = np.zeros(self._room, np.bool_)
        for ids, _ in votes:
            named[ids] = True
        named[hidden] = False
        slots = np.flatnonzero(named).astype(np.int32)
        shares = np.zeros((len(REASONS), len(slots)))
        if not len(slots):
            return Candidates(slots, shares)
        places = np.full(self._room, len(slots), np.int32)
        places[slots] = np.arange(len(slots), dtype=np.int32)
        for row, (ids, weights) in zip(_VOTING, votes, strict=True):
            shares[row] = np.bincount(places[ids], weights, len(slots) + 1)[:-1]
        # Votes go to what is popular anyway; once more without, so that the blend can choose.
        rarity = 1.0 / np.sqrt(1.0 + self.popular.of(slots))
        shares[2], shares[4] = shares[1] * rarity, shares[3] * rarity
        suits = self.taste.of(user, slots)
        shares[-1] = np.exp(_SHARPNESS * (suits - suits.max()))
        sums = shares.sum(axis=1, keepdims=True)
        return Candidates(slots, shares / np.where(sums > 0, sums, 1.0))

    def _votes(self, history: History) -> Iterator[tuple[Slots, Floats]]:
        latest = np.array(history.recent, np.int32)
        yield self.follows.of(latest[: len(_FOLLOWS)], _FOLLOWS[: len(latest)])
        near = latest[:_SIMILAR]
        yield self.similar.of(near, _FADES[: len(near)])
        near = latest[:_NEIGHBOURS]
        yield self.neighbours.votes(near, _FADES[: len(near)].astype(np.float64), history.session)
        yield self.popular.leading()
        yield self.recent.leading()
        yield latest, _AGAINS[: len(latest)]

    def forget(self, slots: Slots) -> None:
        """Drop items."""
        for member in (self.follows, self.similar, self.neighbours, self.popular, self.recent):
            member.forget(slots)
        self.taste.forget(slots)

    def snapshot(self) -> Snapshot:
        """Every member's arrays and data, by its name."""
        arrays: dict[str, NDArray[np.generic]] = {}
        data: dict[str, Any] = {"taste": self.taste.snapshot(), "room": self._room}
        for name, member in self._kept():
            own, data[name] = member.snapshot()
            arrays |= {f"{name}.{key}": array for key, array in own.items()}
        return Snapshot(arrays, data)

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down."""
        arrays, data = snapshot
        for name, member in self._kept():
            prefix = f"{name}."
            own = {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}
            member.restore(own, data[name])
        self.taste.restore(data["taste"])
        self._room = data["room"]

    def _kept(self) -> list[tuple[str, Pairs | Neighbours | Popularity]]:
        return [
            ("follows", self.follows),
            ("similar", self.similar),
            ("neighbours", self.neighbours),
            ("popular", self.popular),
            ("recent", self.recent),
        ]
