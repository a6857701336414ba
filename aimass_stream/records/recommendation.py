"""The answer of a recommender."""

from __future__ import annotations

import msgspec


class RecommendedItem(msgspec.Struct, frozen=True):
    """One item of a ranked list.

    Attributes:
        item: its id.
        rank: its place, from 1.
        score: how well it fits, 0 to 1; comparable within one list only. Rules may put an item
            above one that fits better.
        reason: a stable code of the member that speaks for it most: `follows`, `similar`,
            `popular`, `again` (the user had it of late), `taste` (people who had the same had it),
            `alike` (by content); or of the rule that put it there: `pinned`, `boosted`, `various`
            (others would have been too much alike, or too many of their category).
    """

    item: str
    rank: int
    score: float
    reason: str


class Recommendation(msgspec.Struct, frozen=True):
    """What to show a user next, best first.

    Attributes:
        user: whom it is for.
        items: the ranked items; fewer than asked for while little is known.
    """

    user: str
    items: list[RecommendedItem] = []
