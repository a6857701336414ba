"""The answer of a recommender."""

from __future__ import annotations

import msgspec


class RecommendedItem(msgspec.Struct, frozen=True):
    """One item of a ranked list.

    Attributes:
        item: its id.
        rank: its place, from 1.
        score: how well it fits, 0 to 1; comparable within one list only.
        reason: a stable code of the member that speaks for it most: `follows`, `similar`,
            `popular`, `again` (the user had it of late), `taste` (people who had the same had it).
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
