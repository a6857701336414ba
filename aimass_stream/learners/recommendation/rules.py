"""What a shop wants of the lists it shows, whatever was learnt: declared, and checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from aimass_stream.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Which items a recommender may show, and how it arranges them.

    ```python
    Recommender("feed", rules=Rules(pinned=("i7",), most_of_category=3, diversity=0.2))
    ```

    An item's category is what its description on the recommender's log says; an item without one
    is in none. What is not shown is learnt all the same.

    Attributes:
        never_shown: items in no answer.
        never_shown_categories: categories of which no item is in an answer.
        only_shown: where there are any, only these items are in answers.
        only_shown_categories: where there are any, only items of these.
        pinned: items that stand first in every answer, in this order, with the reason `pinned`;
            but not while they are hidden from a user who bought them, and not against the rules
            above.
        boosted: factors of items' scores, above 0. An item that a factor brings into an answer has
            the reason `boosted`.
        boosted_categories: factors of the scores of a category's items; an item's own counts, too.
        most_of_category: items of one category in an answer, pinned ones among them; 0 for as
            many as come.
        diversity: from 0 up to 1: by how much an item's score falls where the users of an item
            above it are the same. An item that comes in for it, or for `most_of_category`, has
            the reason `various`.

    Raises:
        ConfigError: a value makes no sense.
    """

    never_shown: tuple[str, ...] = ()
    never_shown_categories: tuple[str, ...] = ()
    only_shown: tuple[str, ...] = ()
    only_shown_categories: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    boosted: Mapping[str, float] = field(default_factory=dict)
    boosted_categories: Mapping[str, float] = field(default_factory=dict)
    most_of_category: int = 0
    diversity: float = 0.0

    def __post_init__(self) -> None:
        _require(holds=0 <= self.diversity < 1, otherwise="diversity must be from 0 up to 1")
        _require(holds=self.most_of_category >= 0, otherwise="most_of_category must be at least 0")
        factors = (*self.boosted.values(), *self.boosted_categories.values())
        _require(holds=all(factor > 0 for factor in factors), otherwise="factors must be above 0")
        _require(
            holds=not _both(self.pinned, self.never_shown),
            otherwise="an item is pinned and never_shown",
        )
        once = len(frozenset(self.pinned)) == len(self.pinned)
        _require(holds=once, otherwise="an item is pinned twice")

    @property
    def arranges(self) -> bool:
        """Whether an answer is more than the highest scores of what may be shown."""
        return bool(
            self.pinned
            or self.boosted
            or self.boosted_categories
            or self.most_of_category
            or self.diversity
        )

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields as plain data, of which it can be made again."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }


def _both(some: Iterable[str], others: Iterable[str]) -> frozenset[str]:
    return frozenset(some) & frozenset(others)


def _require(*, holds: bool, otherwise: str) -> None:
    if not holds:
        raise ConfigError(f"Rules: {otherwise}")
