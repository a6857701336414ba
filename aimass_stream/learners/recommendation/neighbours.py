"""Session neighbours: what people did in sessions like this one, kept incrementally.

After Ludewig and Jannach, "Evaluation of session-based recommendation algorithms", 2018
(V-SKNN): sessions that share items with the current one, found through each item's latest
sessions, vote for their items by how much is shared, how late in the current session, and how
rare it is. And after Garg et al., "Sequence and time aware neighborhood for session-based
recommendations", 2019 (STAN): the same votes, stronger for what lies where the current session
would go on, and for sessions of late.

It is a random walk on the graph of sessions and items: from the current items to sessions that
hold them, and on to what else these hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learners.recommendation.growing import grown

Slots = NDArray[np.int32]
Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

_LATE = 500.0
_AHEAD = 6.0
_BEHIND = 2.0


class Near(NamedTuple):
    """Sessions like the current one, and what they hold, session by session and in order.

    Attributes:
        items: `(votes,)` int32: what they hold; some come more than once, -1 stands for none.
        lengths: `(sessions,)` int64: how many of these each session has.
        likeness: `(sessions,)` float64, above 0.
        places: `(sessions,)` int64: where the current one stands in each, as a place in `items`;
            it may be beyond the end of the session.
        ages: `(sessions,)` int64: how many sessions began since each did.
        length: that a session has at most.
    """

    items: Slots
    lengths: Numbers
    likeness: Floats
    places: Numbers
    ages: Numbers
    length: int

    def votes(self) -> Floats:
        """`(votes,)`: each of `items` has its session's likeness."""
        return self.likeness.repeat(self.lengths)

    def votes_in_order(self) -> Floats:
        """`(votes,)`: as `votes`, stronger for what comes next, and of late."""
        begins = 2 * self.length - self.places
        steps = begins.repeat(self.lengths)
        steps += np.arange(len(self.items))
        late = self.likeness * np.exp(self.ages * (-1 / _LATE))
        votes: Floats = _kernel(self.length).take(steps)
        votes *= late.repeat(self.lengths)
        return votes


@cache
def _kernel(length: int) -> Floats:
    """`(3 * length,)`: what an item counts by how far from the current place it is.

    At `2 * length` is the current place, behind that what would come next.
    """
    ahead = np.arange(-2 * length, length) - 1.0
    kernel: Floats = np.exp(np.where(ahead >= 0, -ahead, _BEHIND * (ahead + 1)) / _AHEAD)
    return kernel


class Neighbours:
    """The latest sessions, and for each item its latest sessions.

    Args:
        sessions: kept, the oldest going first.
        length: items of a session; a longer one is continued in another.
        postings: latest sessions kept for each item.
        votes: items that the nearest sessions name, in all; so of long sessions fewer vote.
        damping: items that each session counts as longer than it is, when its votes are divided
            by the root of its length; keeps the shortest from being the nearest.
    """

    def __init__(
        self, sessions: int, length: int, postings: int, votes: int, damping: float = 1
    ) -> None:
        self._kept = sessions
        self._damping = damping
        self._votes = votes
        self._count = 0
        self._items: Slots = np.full((0, length), -1, np.int32)
        self._lengths: Slots = np.zeros(0, np.int32)
        self._postings: Slots = np.full((0, postings), -1, np.int32)
        # Where in its session each posting has the item.
        self._places: NDArray[np.uint8] = np.zeros((0, postings), np.uint8)
        self._posted: Numbers = np.zeros(0, np.int64)
        # Where `near` notes what it met; nothing in it outlasts a call.
        self._notes: Numbers = np.zeros(0, np.int64)

    def fit(self, items: int) -> None:
        """Have postings for each of so many items."""
        self._postings = grown(self._postings, items, -1)
        self._places = grown(self._places, items, 0)
        self._posted = grown(self._posted, items, 0)

    def add(self, session: int, item: int) -> int:
        """Add an item to a session, by its number, or to a new one (-1).

        Returns:
            The number of the session the item is in now.
        """
        place = session % self._kept
        if (
            session < 0
            or session < self._count - self._kept
            or (self._lengths[place] == self._items.shape[1])
        ):
            session = self._begin()
            place = session % self._kept
        length = int(self._lengths[place])
        if item not in self._items[place, :length].tolist():
            posted = int(self._posted[item])
            oldest = posted % self._postings.shape[1]
            self._postings[item, oldest] = session
            self._places[item, oldest] = length
            self._posted[item] = posted + 1
        self._items[place, length] = item
        self._lengths[place] = length + 1
        return session

    def _begin(self) -> int:
        session = self._count
        self._count += 1
        rows = min(self._count, self._kept)
        self._items = grown(self._items, rows, -1)
        self._lengths = grown(self._lengths, rows, 0)
        self._notes = grown(self._notes, rows, 0)
        self._items[session % self._kept] = -1
        self._lengths[session % self._kept] = 0
        return session

    def near(self, items: Numbers, weights: Floats, own: int) -> Near:
        """The sessions most like the current one.

        Args:
            items: of the current session, latest first, each once.
            weights: of these.
            own: the number of the current session, which does not vote; -1 for none.
        """
        postings = self._postings.take(items, axis=0)
        there = postings >= max(0, self._count - self._kept)
        there &= postings != own
        (found,) = there.ravel().nonzero()
        sessions = postings.take(found).astype(np.int64)
        rows = sessions if self._count <= self._kept else sessions % self._kept
        firsts, which = self._first_met(rows)
        rarity = np.log1p(self._count / np.maximum(self._posted.take(items), 1))
        lags = found // postings.shape[1]
        shared = np.bincount(which, (weights * rarity).take(lags), len(firsts))
        lengths = self._lengths.take(rows.take(firsts)).astype(np.int64)
        likeness = shared / np.sqrt(lengths + self._damping)
        if int(lengths.sum()) > self._votes:
            order = (-likeness).argsort()
            best = order[lengths.take(order).cumsum() <= self._votes]
            firsts, likeness, lengths = firsts.take(best), likeness.take(best), lengths.take(best)
        length = self._items.shape[1]
        begins = lengths.cumsum() - lengths
        held = (rows.take(firsts) * length - begins).repeat(lengths)
        held += np.arange(len(held))
        places = self._places.take(items, axis=0).take(found.take(firsts))
        return Near(
            items=self._items.take(held),
            lengths=lengths,
            likeness=likeness,
            places=begins + places + lags.take(firsts),
            ages=self._count - sessions.take(firsts),
            length=length,
        )

    def _first_met(self, rows: Numbers) -> tuple[Numbers, Numbers]:
        """Where each row comes first, in order; and for all which of these each is.

        As `np.unique` with index and inverse, without sorting.
        """
        order = np.arange(len(rows))
        # Of values assigned to one place the last stays, so backwards the first.
        self._notes[rows[::-1]] = order[::-1]
        (firsts,) = (self._notes.take(rows) == order).nonzero()
        self._notes[rows.take(firsts)] = order[: len(firsts)]
        return firsts, self._notes.take(rows)

    def likeness(self, items: Numbers) -> Floats:
        """`(items, items)` from 0 to 1: the cosine of the latest sessions that hold any two."""
        postings = self._postings.take(items, axis=0)
        sessions, which = np.unique(postings, return_inverse=True)
        held = np.zeros((len(items), len(sessions)), np.float32)
        np.put_along_axis(held, which.reshape(postings.shape), 1, axis=1)
        held[:, sessions < 0] = 0
        held /= np.sqrt(np.maximum(np.add.reduce(held, axis=1), 1))[:, None]
        likeness: Floats = (held @ held.T).astype(np.float64)
        return likeness

    def forget(self, slots: Slots) -> None:
        """Empty the postings of items, and take the items out of sessions."""
        self._postings[slots] = -1
        self._posted[slots] = 0
        self._items[np.isin(self._items, slots)] = -1

    def snapshot(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
        """Arrays and plain data."""
        arrays: dict[str, NDArray[np.generic]] = {
            "items": self._items.copy(),
            "lengths": self._lengths.copy(),
            "postings": self._postings.copy(),
            "places": self._places.copy(),
            "posted": self._posted.copy(),
        }
        return arrays, {"count": self._count}

    def restore(self, arrays: Mapping[str, NDArray[Any]], data: Mapping[str, Any]) -> None:
        """Have what was laid down."""
        self._items = arrays["items"].astype(np.int32)
        self._lengths = arrays["lengths"].astype(np.int32)
        self._notes = np.zeros(len(self._lengths), np.int64)
        self._postings = arrays["postings"].astype(np.int32)
        self._places = arrays["places"].astype(np.uint8)
        self._posted = arrays["posted"].astype(np.int64)
        self._count = data["count"]
