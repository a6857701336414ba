"""What is kept of a user: the latest items, the session, and what was bought."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimass_stream.records.behaviour import Action

Numbers = NDArray[np.int64]

_NOTHING: Numbers = np.empty(0, np.int64)


class Bought(NamedTuple):
    """What a user bought, oldest first, each item once; never changed, but replaced.

    Attributes:
        slots: `(bought,)`.
        events: `(bought,)`: the number of the user's event that bought each.
    """

    slots: Numbers = _NOTHING
    events: Numbers = _NOTHING

    def with_item(self, slot: int, event: int, since: int) -> Bought:
        """And this one now; what was bought before an event is dropped."""
        first = int(self.events.searchsorted(since))
        slots, events = self.slots[first:], self.events[first:]
        others = slots != slot
        if not others.all():
            slots, events = slots[others], events[others]
        return Bought(np.concatenate([slots, [slot]]), np.concatenate([events, [event]]))

    def without(self, slots: Numbers) -> Bought:
        """But these."""
        kept = ~np.isin(self.slots, slots)
        return self if kept.all() else Bought(self.slots[kept], self.events[kept])


class History(NamedTuple):
    """A user's past; never changed, but replaced by a longer one.

    Attributes:
        recent: slots of the latest items of this session and those before it, latest first,
            each once.
        session: number of the user's session, -1 for none.
        basket: number of the user's basket, which no silence ends; -1 for none.
        last_ms: time of the latest event.
        events: how many there were.
        bought: not long ago.
    """

    recent: tuple[int, ...] = ()
    session: int = -1
    basket: int = -1
    last_ms: int = -1
    events: int = 0
    bought: Bought = Bought()


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
                since = history.events - self._hidden
                bought = bought.with_item(slot, history.events, since)
        return History(
            recent,
            -1 if begins else history.session,
            history.basket,
            max(action.time_ms, history.last_ms),
            history.events + 1,
            bought,
        )

    def hidden(self, history: History) -> Numbers:
        """Slots of what was bought not long ago."""
        slots, events = history.bought
        return slots[events.searchsorted(history.events - self._hidden) :]

    def put(self, user: str, history: History) -> None:
        """Keep a history; the longest silent users make room."""
        self._histories[user] = history
        self._histories.move_to_end(user)
        while len(self._histories) > self._kept:
            self._histories.popitem(last=False)

    def forget(self, slots: Sequence[int]) -> None:
        """Take items out of all histories."""
        gone, numbers = frozenset(slots), np.array(slots, np.int64)
        for user, history in self._histories.items():
            recent = tuple(slot for slot in history.recent if slot not in gone)
            bought = history.bought.without(numbers)
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
                [held.tolist() for held in h.bought],
            ]
            for user, h in self._histories.items()
        ]

    def restore(self, data: Sequence[Sequence[Any]]) -> None:
        """Have the histories that were laid down."""
        self._histories = OrderedDict(
            (user, History(tuple(recent), session, basket, last_ms, events, _bought(*held)))
            for user, recent, session, basket, last_ms, events, held in data
        )


def _bought(slots: Sequence[int], events: Sequence[int]) -> Bought:
    return Bought(np.array(slots, np.int64), np.array(events, np.int64))
