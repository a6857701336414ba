"""What is kept of a user: the latest items, the session, and what was bought."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimass_stream.records.behaviour import Action


class History(NamedTuple):
    """A user's past; never changed, but replaced by a longer one.

    Attributes:
        recent: slots of the latest items of this session and those before it, latest first,
            each once.
        session: number of the user's session, -1 for none.
        basket: number of the user's basket, which no silence ends; -1 for none.
        last_ms: time of the latest event.
        events: how many there were.
        bought: slots of bought items with the number of the event that bought each.
    """

    recent: tuple[int, ...] = ()
    session: int = -1
    basket: int = -1
    last_ms: int = -1
    events: int = 0
    bought: Mapping[int, int] = {}


NOBODY = History()


class Users:
    """Histories of the latest users.

    Args:
        kept: users.
        recent: items of a history.
        gap_ms: between two events of which the second begins a session.
        hidden_events: of a user, through which a bought item counts as bought.
    """

    def __init__(self, kept: int, recent: int, gap_ms: int, hidden_events: int) -> None:
        self._kept = kept
        self._recent = recent
        self._gap_ms = gap_ms
        self._hidden = hidden_events
        self._histories: OrderedDict[str, History] = OrderedDict()

    def get(self, user: str) -> History:
        """A user's history; an empty one for a user who is not known."""
        return self._histories.get(user, NOBODY)

    def extended(self, history: History, action: Action, slot: int) -> History:
        """The history behind an event; an item that has no slot (-1) is passed over."""
        begins = history.last_ms < 0 or action.time_ms - history.last_ms > self._gap_ms
        recent, bought = history.recent, history.bought
        if slot >= 0:
            recent = (slot, *(kept for kept in recent if kept != slot))[: self._recent]
            if action.kind == "buy":
                bought = self._with(bought, slot, history.events)
        return History(
            recent,
            -1 if begins else history.session,
            history.basket,
            max(action.time_ms, history.last_ms),
            history.events + 1,
            bought,
        )

    def _with(self, bought: Mapping[int, int], slot: int, event: int) -> dict[int, int]:
        longer = dict(bought)
        longer.pop(slot, None)
        longer[slot] = event
        oldest = next(iter(longer))
        if event - longer[oldest] > self._hidden:
            del longer[oldest]
        return longer

    def hidden(self, history: History) -> NDArray[np.int32]:
        """Slots of what was bought not long ago."""
        since = history.events - self._hidden
        bought = np.fromiter(history.bought, np.int32, len(history.bought))
        if not len(bought) or next(iter(history.bought.values())) >= since:
            return bought
        return bought[np.fromiter(history.bought.values(), np.int64, len(bought)) >= since]

    def put(self, user: str, history: History) -> None:
        """Keep a history; the longest silent users make room."""
        self._histories[user] = history
        self._histories.move_to_end(user)
        while len(self._histories) > self._kept:
            self._histories.popitem(last=False)

    def forget(self, slots: Sequence[int]) -> None:
        """Take items out of all histories."""
        gone = frozenset(slots)
        for user, history in self._histories.items():
            recent = tuple(slot for slot in history.recent if slot not in gone)
            bought = {slot: at for slot, at in history.bought.items() if slot not in gone}
            self._histories[user] = history._replace(recent=recent, bought=bought)

    def snapshot(self) -> list[list[Any]]:
        """Histories as plain data, longest silent first."""
        return [
            [
                user,
                list(h.recent),
                h.session,
                h.basket,
                h.last_ms,
                h.events,
                [list(b) for b in h.bought.items()],
            ]
            for user, h in self._histories.items()
        ]

    def restore(self, data: Sequence[Sequence[Any]]) -> None:
        """Have the histories that were laid down."""
        self._histories = OrderedDict(
            (user, History(tuple(recent), session, basket, last_ms, events, dict(map(tuple, held))))
            for user, recent, session, basket, last_ms, events, held in data
        )
