"""The members of a recommender, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Snapshot
from aimass_stream.learners.recommendation.content import Content
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
Places = NDArray[np.int64]
Permitted = Callable[[Places], Places]

_ROWS = (
    ("pairs", "follows"),
    ("pairs", "similar"),
    ("pairs", "follows"),
    ("sessions", "similar"),
    ("sessions", "follows"),
    ("baskets", "taste"),
    ("popular", "popular"),
    ("recent", "popular"),
    ("again", "again"),
    ("content", "alike"),
    ("pairs", "similar"),
    ("sessions", "similar"),
)

REASONS = tuple(reason for _, reason in _ROWS)
"""What a member says for an item, in the order of the rows of `Votes.shares`."""

TRAITS = 4
"""What is known of each candidate beside votes: how popular an item is, how long nobody had it, and
how far its popularity is from that of the user's latest items, also squared."""

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
# By how many they are, weights of the latest items that sum to 1.
_USUAL: tuple[Floats, ...] = tuple(
    0.6 ** np.arange(many, dtype=np.float64) * (0.4 / (1 - 0.6**many) if many else 1)
    for many in range(21)
)


class Votes(NamedTuple):
    """What the members are for.

    Attributes:
        slots: `(candidates,)` int64, each once, ascending.
        shares: `(members, candidates)` float32: what part of a member's votes an item has.
    """

    slots: Places
    shares: Singles


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
        self.content = Content(declared.dimensions, room=32 if declared.dimensions else 0)
        self.popular = Popularity(half_life=20_000, pool=100)
        self.recent = Popularity(half_life=300, pool=100)
        self._silent = [row for row, (name, _) in enumerate(_ROWS) if name not in declared.members]
        # Where `_places` notes what it met; between calls all of it is False and 0.
        self._named: NDArray[np.bool_] = np.zeros(1, np.bool_)
        self._place: Places = np.zeros(1, np.int64)

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
        latest = [slot for slot in before.recent[: width + 1] if slot != item][:width]
        if latest:
            self.pairs.add(np.array(latest, np.int64), item, _FADES[:, : len(latest)])
        self.popular.add(item)
        self.recent.add(item)
        return self.sessions.add(after.session, item), self.baskets.add(after.basket, item)

    def votes(self, history: History, hidden: Places, permitted: Permitted) -> Votes:
        """What the members would show a user next.

        Args:
            history: of the user.
            hidden: slots of what is not to be shown; -1 for none.
            permitted: those of some slots that may be shown.
        """
        cast = [*self._cast(np.array(history.recent, np.int64), history)]
        slots, places = self._places([ids for ids, _ in cast], hidden, permitted)
        count = len(slots)
        shares = np.empty((len(REASONS), count), np.float32)
        row = 0
        for (_, weights), where in zip(cast, places, strict=True):
            for one in weights:
                shares[row] = np.bincount(where, one, count + 1)[1:]
                row += 1
        # Votes go to what is popular anyway; once more without, so that the blend can choose.
        rarity = np.sqrt(1 + self.popular.of(slots)).astype(np.float32)
        np.divide(shares[1], rarity, out=shares[row])
        np.divide(shares[3], rarity, out=shares[row + 1])
        if self._silent:
            shares[self._silent] = 0
        shares /= np.maximum(np.add.reduce(shares, axis=1), np.float32(1e-30))[:, None]
        return Votes(slots, shares)

    def _cast(self, latest: Places, history: History) -> Iterator[tuple[Slots, Iterable[Floats]]]:
        """`(votes,)` items and each member's weights of these, for some members at a time."""
        near = latest[: len(_LATELY)]
        yield self.pairs.of(near, _ASKED[:, : len(near)])
        lately = _LATELY[: len(near)]
        sessions = self.sessions.near(near, lately, history.session)
        yield sessions.items, (sessions.votes(), sessions.votes_in_order())
        baskets = self.baskets.near(near, lately, history.basket)
        yield baskets.items, (baskets.votes(),)
        for popularity in (self.popular, self.recent):
            ids, counts = popularity.leading()
            yield ids, (counts,)
        yield latest.astype(np.int32), (_AGAINS[: len(latest)],)
        alike, cosines = self.content.of(near, _ASKED[0, : len(near)])
        yield alike, (cosines,)

    def _places(
        self, cast: list[Slots], hidden: Places, permitted: Permitted
    ) -> tuple[Places, list[Places]]:
        """Each item that is voted for and may be shown; and where among these each vote goes.

        The first of these is place 1. Votes for others go to place 0.
        """
        ids = np.concatenate(cast, dtype=np.int64)
        self._named[ids] = True
        self._named[hidden] = False
        self._named[-1] = False
        (slots,) = self._named.nonzero()
        self._named[slots] = False
        slots = permitted(slots)
        self._place[slots] = np.arange(1, len(slots) + 1)
        places = self._place.take(ids)
        self._place[slots] = 0
        ends = [*accumulate(map(len, cast))]
        return slots, [places[i:j] for i, j in zip([0, *ends], ends, strict=False)]

    def traits(self, slots: Places, history: History) -> Singles:
        """`(TRAITS, candidates)` float32 around 1 of items that a user may be shown."""
        traits = np.zeros((TRAITS, len(slots)), np.float32)
        popular = np.log1p(self.popular.of(slots).astype(np.float32))
        np.multiply(popular, np.float32(1 / 4), out=traits[0])
        traits[1] = np.log1p(self._items.silent(slots).astype(np.float32))
        traits[1] *= np.float32(1 / 8)
        latest = history.recent
        if latest:
            usual = _USUAL[len(latest)] @ np.log1p(self.popular.of(np.array(latest, np.int64)))
            popular -= np.float32(usual)
            np.abs(popular, out=traits[2])
            traits[2] *= np.float32(1 / 2)
            np.multiply(popular, popular, out=traits[3])
            traits[3] *= np.float32(1 / 4)
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

    def _kept(self) -> list[tuple[str, Pairs | Neighbours | Content | Popularity]]:
        return [
            ("pairs", self.pairs),
            ("sessions", self.sessions),
            ("baskets", self.baskets),
            ("content", self.content),
            ("popular", self.popular),
            ("recent", self.recent),
        ]
