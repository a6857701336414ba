"""The state of a recommender: items, users, members and their blend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.arrays import under
from aimass_stream.learners.open_block import OpenBlock
from aimass_stream.learners.recommendation.arrangement import Arrangement
from aimass_stream.learners.recommendation.blend import Blend, Look
from aimass_stream.learners.recommendation.categories import Categories
from aimass_stream.learners.recommendation.events import Described, read_event
from aimass_stream.learners.recommendation.items import Items
from aimass_stream.learners.recommendation.members import REASONS, TRAITS, Members
from aimass_stream.learners.recommendation.recommender import Recommender
from aimass_stream.learners.recommendation.users import NOBODY, History, Users
from aimass_stream.records import Recommendation, RecommendedItem
from aimass_stream.records.behaviour import Action

_RECENT = 20
# The blend learns from each of the first events, and from every sixth when it has settled.
_JUDGED_ALL = 50_000
_JUDGED_EVERY = 6

Input = Action | Described


class Candidates(NamedTuple):
    """What a user may be shown, and may not.

    Attributes:
        slots: `(candidates,)` int64.
        look: at these.
        hidden: int64 slots of what may not be shown to the user; -1 for none.
    """

    slots: NDArray[np.int64]
    look: Look
    hidden: NDArray[np.int64]


class RecommenderState:
    """The `LearnerState` of `Recommender`.

    A user's answer is for the history that the event makes longer, also within a block; members
    and weights are those at the block's start.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        declared = Recommender.of(settings)
        self._dimensions = declared.dimensions
        self._items = Items(declared.items)
        self._categories = Categories()
        self._arrangement = Arrangement(declared.rules, declared.top, self._items, self._categories)
        self._users = Users(
            declared.users, _RECENT, int(declared.session_gap_s * 1000), declared.hide_bought_events
        )
        self._members = Members(declared, self._items)
        self._blend = Blend(len(REASONS), TRAITS)
        self._events = 0
        # The latest candidates, whose they are, and behind which event: who is asked for what a
        # user will do, and is then told, looks once. Nothing that is laid down.
        self._latest: tuple[History, int, Candidates] | None = None
        self._open = OpenBlock(dict[str, History], self._answer)

    @property
    def items_seen(self) -> int:
        """Items that can be recommended."""
        return self._items.seen

    def read(self, event: Event) -> Input:
        """A behaviour event, or what an item is.

        Raises:
            RecordError: it is neither.
        """
        return read_event(event, self._dimensions)

    def score(self, inputs: Sequence[Input]) -> list[Recommendation | None]:
        """What to show each event's user next; None for positions and descriptions."""
        return self._open.answers(inputs)

    def _answer(
        self, ahead: dict[str, History], inputs: Sequence[Input]
    ) -> list[Recommendation | None]:
        answers: list[Recommendation | None] = []
        for action in inputs:
            if isinstance(action, Described) or action.item is None:
                answers.append(None)
                continue
            before = ahead.get(action.user) or self._users.get(action.user)
            after = self._users.extended(before, action, self._items.slot(action.item))
            ahead[action.user] = after
            answers.append(self._recommend(action.user, after))
        return answers

    def recommend(self, user: str) -> Recommendation:
        """What to show a user as things stand."""
        return self._recommend(user, self._users.get(user))

    def recommend_to(self, items: Sequence[str]) -> Recommendation:
        """What to show somebody unknown who went through these items, in this order."""
        history = NOBODY
        for item in items:
            action = Action("", "view", item, None, None, 0)
            history = self._users.extended(history, action, self._items.slot(item))
        return self._recommend("", history)

    def learn(self, inputs: Sequence[Input]) -> None:
        """Learn events one by one."""
        self._open.close()
        for one in inputs:
            if isinstance(one, Described):
                self._describe(one)
            elif one.item is not None:
                self._learn(one, one.item)

    def snapshot(self) -> Snapshot:
        """Lay the state down."""
        members = self._members.snapshot()
        items, items_data = self._items.snapshot()
        arrays = {f"members.{name}": array for name, array in members.arrays.items()}
        arrays |= {f"items.{name}": array for name, array in items.items()}
        categories, _ = self._categories.snapshot()
        arrays |= {f"categories.{name}": array for name, array in categories.items()}
        arrays |= {f"blend.{name}": array for name, array in self._blend.snapshot().items()}
        data = {
            "members": members.data,
            "items": items_data,
            "users": self._users.snapshot(),
            "events": self._events,
        }
        return Snapshot(arrays, data)

    def restore(self, snapshot: Snapshot) -> None:
        """Become a state that was laid down."""
        arrays, data = snapshot
        self._items.restore(under(arrays, "items."), data["items"])
        self._members.restore(Snapshot(under(arrays, "members."), data["members"]))
        self._categories.restore(under(arrays, "categories."), {})
        self._blend.restore(under(arrays, "blend."))
        self._users.restore(data["users"])
        self._events = data["events"]
        self._latest = None
        self._open.close()

    def _learn(self, action: Action, item: str) -> None:
        before = self._users.get(action.user)
        known = self._items.slot(item)
        settled = self._events >= _JUDGED_ALL
        if known >= 0 and not (settled and self._events % _JUDGED_EVERY):
            self._judge(before, known)
        self._events += 1
        slot = self._slot_for(item)
        if known < 0:
            before = self._users.get(action.user)
        after = self._users.extended(before, action, slot)
        session, basket = self._members.learn(before, after, slot)
        self._users.put(action.user, after._replace(session=session, basket=basket))

    def _describe(self, described: Described) -> None:
        slot = self._slot_for(described.item)
        if described.category is not None:
            self._categories.put(slot, described.category)
        if described.vector is not None:
            self._members.content.put(slot, described.vector)
        self._latest = None

    def _slot_for(self, item: str) -> int:
        """The item's slot; for a new item others may have to go, also from histories."""
        if self._items.slot(item) >= 0:
            return self._items.take(item)
        gone = self._items.make_room()
        if len(gone):
            self._members.forget(gone)
            self._categories.forget(gone)
            self._users.forget(gone.tolist())
        slot = self._items.take(item)
        self._members.fit(self._items.room)
        self._categories.fit(self._items.room)
        return slot

    def _judge(self, before: History, came: int) -> None:
        """Let the blend learn from the item that came."""
        candidates = self._candidates(before)
        (place,) = (candidates.slots == came).nonzero()
        if len(place):
            self._blend.learn(candidates.look, int(place[0]))

    def _candidates(self, history: History) -> Candidates:
        if self._latest and self._latest[0] is history and self._latest[1] == self._events:
            return self._latest[2]
        hidden = self._arrangement.hidden(self._users.hidden(history))
        slots, shares = self._members.votes(history, hidden, self._arrangement.permitted)
        near = self._blend.shortlist(shares, history.events)
        if near is not None:
            slots, shares = slots.take(near), shares.take(near, axis=1)
        traits = self._members.traits(slots, history)
        found = Candidates(slots, self._blend.look(shares, traits, history.events), hidden)
        self._latest = history, self._events, found
        return found

    def _recommend(self, user: str, history: History) -> Recommendation:
        slots, look, hidden = self._candidates(history)
        places = self._arrangement.arrange(
            slots, self._blend.chances(look), hidden, self._members.baskets.likeness
        )
        candidates = np.array([place.candidate for place in places], np.int64)
        speaking = self._blend.speaking(look, candidates).tolist() if len(slots) else repeat(0)
        items = [
            RecommendedItem(place.item, rank, place.score, place.rule or REASONS[member])
            for rank, (place, member) in enumerate(zip(places, speaking, strict=False), start=1)
        ]
        return Recommendation(user, items)
