"""Rules at work: which candidates may be shown, and how the best of them are arranged.

Items that are like those above them fall back as in Carbonell and Goldstein, "The use of MMR,
diversity-based reranking for reordering documents and producing summaries", 1998; but by a
factor, since scores of a list differ by orders of magnitude.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Set
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learners.recommendation.categories import (
    NO_CATEGORY,
    Categories,
    code_of,
    codes_of,
)
from aimass_stream.learners.recommendation.items import Items
from aimass_stream.learners.recommendation.rules import Rules

Slots = NDArray[np.int64]
Floats = NDArray[np.float64]
Likeness = Callable[[Slots], Floats]

_LIKENESS_AMONG = 3
"""Times the length of an answer: how many of the best are compared with each other."""


class Place(NamedTuple):
    """A place of an answer.

    Attributes:
        item: its name.
        candidate: which of the candidates it is; -1 for a pinned item, which need be none.
        score: 0 to 1.
        rule: the code of the rule that put it there; None where no rule did.
    """

    item: str
    candidate: int
    score: float
    rule: str | None


class Arrangement:
    """A declaration's rules.

    Args:
        rules: declared.
        top: items of an answer.
        items: which item has which slot.
        categories: of items.
    """

    def __init__(self, rules: Rules, top: int, items: Items, categories: Categories) -> None:
        self._rules = rules
        self._top = top
        self._items = items
        self._categories = categories
        self._never = codes_of(rules.never_shown_categories)
        self._only = codes_of(rules.only_shown_categories)
        self._factors = {code_of(name): by for name, by in rules.boosted_categories.items()}

    def hidden(self, bought: Slots) -> Slots:
        """What a user bought, and items that are in no answer; -1 for those that have no slot."""
        if not self._rules.never_shown:
            return bought
        return np.append(bought, [self._items.slot(item) for item in self._rules.never_shown])

    def permitted(self, slots: Slots) -> Slots:
        """Those of some items that categories and `only_shown` let through."""
        if self._rules.only_shown:
            only = np.array([self._items.slot(item) for item in self._rules.only_shown], np.int64)
            slots = slots[np.isin(slots, only)]
        if len(self._never):
            slots = slots[~np.isin(self._categories.of(slots), self._never)]
        if len(self._only):
            slots = slots[np.isin(self._categories.of(slots), self._only)]
        return slots

    def arrange(
        self, slots: Slots, scores: Floats, hidden: Slots, likeness: Likeness
    ) -> list[Place]:
        """The places of an answer, first to last.

        Args:
            slots: `(candidates,)`, each of which may be shown.
            scores: `(candidates,)` from 0 to 1.
            hidden: slots of what may not be shown to this user.
            likeness: of some slots, `(n, n)` from 0 to 1: how much any two have the same users.
        """
        if not self._rules.arranges:
            best = (-scores).argsort(kind="stable")[: self._top]
            return self._places(slots, scores, best)
        pinned = self._pinned(hidden)
        places = [Place(item, -1, 1.0, "pinned") for item in pinned]
        above = np.array([self._items.slot(item) for item in pinned], np.int64)
        above = above[above >= 0]
        raised = np.minimum(scores * self._factors_of(slots), 1.0)
        raised[np.isin(slots, above)] = 0
        left = self._top - len(places)
        chosen = self._chosen(slots, raised, above, left, likeness)
        by_score, by_raised = _first(scores, self._top), _first(raised, left)
        for place in self._places(slots, raised, chosen):
            one = place.candidate
            rule = None
            if one not in by_raised:
                rule = "various"
            elif one not in by_score and raised[one] > scores[one]:
                rule = "boosted"
            places.append(place._replace(rule=rule))
        return places

    def _places(self, slots: Slots, scores: Floats, chosen: Slots) -> list[Place]:
        found = zip(
            slots.take(chosen).tolist(), chosen.tolist(), scores.take(chosen).tolist(), strict=True
        )
        return [Place(self._items.name(slot), one, score, None) for slot, one, score in found]

    def _pinned(self, hidden: Slots) -> list[str]:
        not_now = frozenset(hidden.tolist())
        return [item for item in self._rules.pinned if self._may_pin(item, not_now)][: self._top]

    def _may_pin(self, item: str, not_now: Set[int]) -> bool:
        slot = self._items.slot(item)
        code = NO_CATEGORY
        if slot >= 0:
            if slot in not_now:
                return False
            code = int(self._categories.of(np.array([slot], np.int64))[0])
        if self._rules.only_shown and item not in self._rules.only_shown:
            return False
        return code not in self._never and (not len(self._only) or code in self._only)

    def _factors_of(self, slots: Slots) -> Floats:
        factors = np.ones(len(slots))
        if self._factors:
            codes = self._categories.of(slots)
            for code, factor in self._factors.items():
                factors[codes == code] = factor
        for item, factor in self._rules.boosted.items():
            factors[slots == self._items.slot(item)] *= factor
        return factors

    def _chosen(
        self, slots: Slots, scores: Floats, above: Slots, many: int, likeness: Likeness
    ) -> Slots:
        """The candidates of the places below the pinned ones."""
        order = (-scores).argsort(kind="stable")
        order = order[scores.take(order) > 0]
        codes = self._categories.of(slots).tolist()
        most = self._rules.most_of_category
        of_category = Counter(self._categories.of(above).tolist())
        if self._rules.diversity:
            order = self._varied(slots, scores, order, above, likeness)
        chosen: list[int] = []
        for candidate in order.tolist():
            if len(chosen) >= many:
                break
            code = codes[candidate]
            if most and code != NO_CATEGORY and of_category[code] >= most:
                continue
            of_category[code] += 1
            chosen.append(candidate)
        return np.array(chosen, np.int64)

    def _varied(
        self, slots: Slots, scores: Floats, order: Slots, above: Slots, likeness: Likeness
    ) -> Slots:
        """The order in which the best come once each has fallen for those above it."""
        near, rest = np.split(order, [_LIKENESS_AMONG * self._top])
        alike = likeness(np.concatenate([above, slots.take(near)]))
        np.fill_diagonal(alike, 0)
        highest = alike[: len(above), len(above) :].max(axis=0, initial=0)
        alike = alike[len(above) :, len(above) :]
        left = scores.take(near)
        varied = []
        for _ in range(len(near)):
            best = int((left * (1 - self._rules.diversity * highest)).argmax())
            varied.append(int(near[best]))
            left[best] = -1
            np.maximum(highest, alike[best], out=highest)
        return np.concatenate([np.array(varied, np.int64), rest])


def _first(scores: Floats, many: int) -> frozenset[int]:
    """The candidates with the highest scores."""
    return frozenset((-scores).argsort(kind="stable")[:many].tolist())
