"""The members of a recommender, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Snapshot
from aimass_stream.learners.recommendation.growing import grown
from aimass_stream.learners.recommendation.items import Items
from aimass_stream.learners.recommendation.neighbours import Neighbours
from aimass_stream.learners.recommendation.pairs import Kind, Pairs
from aimass_stream.learners.recommendation.popularity import Popularity
from aimass_stream.learners.recommendation.recommender import Recommender
from aimass_stream.learners.recommendation.users import History

Slots = NDArray[np.int32]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

REASONS = (
    "follows",
    "similar",
    "follows",
    "similar",
    "follows",
    "taste",
    "popular",
    "popular",
    "again",
    "similar",
    "similar",
)
"""What a member says for an item, in the order of the rows of `Candidates.shares`."""

TRAITS = 4
"""What is known of each candidate beside votes."""

_KINDS = (Kind(half_life=300), Kind(half_life=600, both_ways=True), Kind(half_life=15))
# How the weight of a pair, in learning and in asking, falls with the items that lie between.
_FADES = np.stack(
    [
        0.8 ** np.arange(10),
        0.9 ** np.arange(10),
        np.where(np.arange(10) < 3, 0.5 ** np.arange(10), 0),
    ]
).astype(np.float32)
_ASKED = np.stack([0.8 ** np.arange(10), 0.9 ** np.arange(10), 0.6 ** np.arange(10)]).astype(
    np.float32
)
_LATELY: Floats = 0.9 ** np.arange(10, dtype=np.float64)
_AGAINS: Floats = 0.8 ** np.arange(20, dtype=np.float64)
_USUAL: Floats = 0.6 ** np.arange(20, dtype=np.float64)


class Candidates(NamedTuple):
    """Items that some member is for.

    Attributes:
        slots: `(candidates,)` int32, each once.
        shares: `(members, candidates)` float32: what part of a member's votes an item has.
        traits: `(TRAITS, candidates)` float32 around 1: how popular an item is, how long nobody
            had it, and how far its popularity is from that of the user's latest items, also
            squared.
    """

    slots: Slots
    shares: Singles
    traits: Singles


class Members:
    """Every member learns every event; together they name the candidates.

    Args:
        declared: the declaration.
        items: which item has which slot.
    """

    def __init__(self, declared: Recommender, items: Items) -> None:
        self._items = items
        self.pairs = Pairs(room=64, kinds=_KINDS)
        self.sessions = Neighbours(declared.sessions, length=20, postings=32, votes=1_600)
        self.baskets = Neighbours(
            declared.baskets, length=128, postings=32, votes=1_600, damping=20
        )
        self.popular = Popularity(half_life=20_000, pool=100)
        self.recent = Popularity(half_life=300, pool=100)
        # Where `_places` notes what it met; between calls all of it is False and 0.
        self._named: NDArray[np.bool_] = np.zeros(1, np.bool_)
        self._place: NDArray[np.int64] = np.zeros(1, np.int64)

    def fit(self, items: int) -> None:
        """Have room for so many items."""
        for _, member in self._kept():
            member.fit(items)
        # One more than items: the place of -1, which stands for none.
        self._named = grown(self._named, items + 1, 0)
        self._place = grown(self._place, items + 1, 0)

    def learn(self, before: History, after: History, item: int) -> tuple[int, int]:
        """Learn that a user went on to an item.

        Returns:
            The numbers of the session and of the basket that the item is in.
        """
        width = _FADES.shape[1]
        latest = np.array([slot for slot in before.recent[: width + 1] if slot != item], np.int32)
        latest = latest[:width]
        if len(latest):
            self.pairs.add(latest, item, _FADES[:, : len(latest)])
        self.popular.add(item)
        self.recent.add(item)
        return self.sessions.add(after.session, item), self.baskets.add(after.basket, item)

    def candidates(self, history: History, hidden: Slots) -> Candidates:
        """What the members would show a user next, but for what is hidden."""
        latest = np.array(history.recent, np.int32)
        votes = [*self._votes(latest, history)]
        slots, places = self._places([ids for ids, _ in votes], hidden)
        count = len(slots)
        shares = np.empty((len(REASONS), count), np.float32)
        row = 0
        for (_, weights), where in zip(votes, places, strict=True):
            for one in weights:
                shares[row] = np.bincount(where, one, count + 1)[1:]
                row += 1
        popular = self.popular.of(slots).astype(np.float32)
        # Votes go to what is popular anyway; once more without, so that the blend can choose.
        rarity = 1 / np.sqrt(1 + popular)
        shares[row], shares[row + 1] = shares[1] * rarity, shares[3] * rarity
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), np.float32(1e-30))
        return Candidates(slots, shares, self._traits(slots, np.log(1 + popular), latest))

    def _votes(self, latest: Slots, history: History) -> Iterator[tuple[Slots, Iterable[Floats]]]:
        """`(votes,)` items and each member's weights of these, for some members at a time."""
        near = latest[: len(_LATELY)]
        yield self.pairs.of(near, _ASKED[:, : len(near)])
        lately = _LATELY[: len(near)]
        sessions = self.sessions.near(near, lately, history.session)
        yield sessions.items(), (sessions.votes(), sessions.votes_in_order())
        baskets = self.baskets.near(near, lately, history.basket)
        yield baskets.items(), (baskets.votes(),)
        for popularity in (self.popular, self.recent):
            ids, counts = popularity.leading()
            yield ids, (counts,)
        yield latest, (_AGAINS[: len(latest)],)

    def _places(self, votes: list[Slots], hidden: Slots) -> tuple[Slots, list[NDArray[np.int64]]]:
        """Each item that is voted for and may be shown; and where among these each vote goes.

        The first of these is place 1. Votes for others go to place 0.
        """
        ids = np.concatenate(votes)
        self._named[ids] = True
        self._named[hidden] = False
        self._named[-1] = False
        (slots,) = self._named.nonzero()
        self._named[slots] = False
        self._place[slots] = np.arange(1, len(slots) + 1)
        places = self._place.take(ids)
        self._place[slots] = 0
        ends = accumulate(map(len, votes))
        apart = [places[end - len(one) : end] for one, end in zip(votes, ends, strict=True)]
        return slots.astype(np.int32), apart

    def _traits(self, slots: Slots, popular: Singles, latest: Slots) -> Singles:
        traits = np.zeros((TRAITS, len(slots)), np.float32)
        traits[0] = popular / 4
        traits[1] = np.log(1 + self._items.silent(slots).astype(np.float32)) / 8
        if len(latest):
            weights = _USUAL[: len(latest)]
            usual = weights @ np.log1p(self.popular.of(latest)) / weights.sum()
            apart = popular - np.float32(usual)
            traits[2], traits[3] = np.abs(apart) / 2, apart * apart / 4
        return traits

    def forget(self, slots: Slots) -> None:
        """Drop items."""
        for _, member in self._kept():
            member.forget(slots)

    def snapshot(self) -> Snapshot:
        """Every member's arrays and data, by its name."""
        arrays: dict[str, NDArray[np.generic]] = {}
        data: dict[str, Any] = {}
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
        self.fit(self._items.room)

    def _kept(self) -> list[tuple[str, Pairs | Neighbours | Popularity]]:
        return [
            ("pairs", self.pairs),
            ("sessions", self.sessions),
            ("baskets", self.baskets),
            ("popular", self.popular),
            ("recent", self.recent),
        ]
