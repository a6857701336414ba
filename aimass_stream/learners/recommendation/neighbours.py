"""Session neighbours: what people did next in sessions like this one, kept incrementally.

After Ludewig and Jannach, "Evaluation of session-based recommendation algorithms", 2018
(V-SKNN): sessions that share items with the current one, found through each item's latest
sessions, vote for their items by how much is shared, how late in the current session, and how
rare it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learners.recommendation.growing import grown

Slots = NDArray[np.int32]


class Neighbours:
    """The latest sessions, and for each item its latest sessions.

    Args:
        sessions: kept, the oldest going first.
        length: items of a session; a longer one is continued in another.
        postings: latest sessions kept for each item.
        nearest: sessions that vote.
    """

    def __init__(self, sessions: int, length: int, postings: int, nearest: int) -> None:
        self._kept = sessions
        self._nearest = nearest
        self._count = 0
        self._items: Slots = np.full((0, length), -1, np.int32)
        self._lengths: Slots = np.zeros(0, np.int32)
        self._postings: NDArray[np.int64] = np.full((0, postings), -1, np.int64)
        self._posted: NDArray[np.int64] = np.zeros(0, np.int64)

    def fit(self, items: int) -> None:
        """Have postings for each of so many items."""
        self._postings = grown(self._postings, items, -1)
        self._posted = grown(self._posted, items, 0)

    def add(self, session: int, item: int) -> int:
        """Add an item to a session, by its number, or to a new one (-1).

        Returns:
            The number of the session the item is in now.
        """
        place = session % self._kept
        if (
            session < 0
            or session <= self._count - self._kept
            or (self._lengths[place] == self._items.shape[1])
        ):
            session = self._begin()
            place = session % self._kept
        length = int(self._lengths[place])
        if item not in self._items[place, :length]:
            posted = int(self._posted[item])
            self._postings[item, posted % self._postings.shape[1]] = session
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
        self._items[session % self._kept] = -1
        self._lengths[session % self._kept] = 0
        return session

    def votes(
        self, items: Slots, weights: NDArray[np.float64], own: int
    ) -> tuple[Slots, NDArray[np.float64]]:
        """What like sessions hold, with votes; items may come more than once.

        Args:
            items: of the current session, each once.
            weights: of these.
            own: the number of the current session, which does not vote; -1 for none.
        """
        postings = self._postings[items]
        rarity = np.log(1.0 + self._count / np.maximum(self._posted[items], 1))
        there = (postings > self._count - self._kept) & (postings >= 0) & (postings != own)
        found = postings[there]
        if not len(found):
            return np.empty(0, np.int32), np.empty(0)
        shared = np.broadcast_to((weights * rarity)[:, None], postings.shape)[there]
        sessions, which = np.unique(found, return_inverse=True)
        places = sessions % self._kept
        likeness = np.bincount(which, shared) / np.sqrt(self._lengths[places] + 1.0)
        if len(sessions) > self._nearest:
            best = np.argpartition(-likeness, self._nearest)[: self._nearest]
            places, likeness = places[best], likeness[best]
        held = self._items[places]
        votes = np.broadcast_to(likeness[:, None], held.shape)
        real = held >= 0
        return held[real], votes[real]

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
            "posted": self._posted.copy(),
        }
        return arrays, {"count": self._count}

    def restore(self, arrays: Mapping[str, NDArray[Any]], data: Mapping[str, Any]) -> None:
        """Have what was laid down."""
        self._items = arrays["items"].astype(np.int32)
        self._lengths = arrays["lengths"].astype(np.int32)
        self._postings = arrays["postings"].astype(np.int64)
        self._posted = arrays["posted"].astype(np.int64)
        self._count = data["count"]
