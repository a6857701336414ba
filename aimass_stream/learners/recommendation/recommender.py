"""The declaration of a recommender; importing it imports no learning library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, Self

from aimass_stream.learner import Learner
from aimass_stream.learners.declared import (
    require,
    require_above_zero,
    require_at_least,
    settings_of,
)
from aimass_stream.learners.recommendation.rules import Rules
from aimass_stream.records import Recommendation

MEMBERS = ("pairs", "sessions", "baskets", "popular", "recent", "again", "content")
"""Who votes: what goes with the latest items (`pairs`), walks over the graph of items and sessions
(`sessions`) and of items and users (`baskets`), what is popular for long and of late, what the user
had of late, and what is alike by content."""


@dataclass(frozen=True)
class Recommender(Learner[Recommendation]):
    """Ranks items for the user of each view, click or purchase, and learns from it.

    ```python
    feed = Recommender("feed", top=10)
    ```

    A blend of members, each learning event by event: what follows the last items, of late and
    for long, what goes with them, sessions like this one, people of like taste, what is popular
    for long and just now, and what the user may come back to. How much each member counts is
    learnt from which of them foresaw the item that came next. Positions are answered with None.

    Its log may also say what items are, which is answered with None:

    * `{"item": "i7", "category": "shoes"}`: the category, at which `rules` may look;
    * an `Embedding` whose key is the item, or that has `item` beside it: what is alike by content
      is shown before anybody touched it. `app.feed(feed, items, through=encoder)` writes it.

    Attributes:
        top: items of an answer.
        hide_bought_events: of a user, through which an item that the user bought is not shown.
        rules: which items may be shown, and how they are arranged.
        members: that vote, of `MEMBERS`; all of them learn.
        dimensions: of the embedding of an item's content; 0 where items have none.
        session_gap_s: seconds of silence that end a session.
        items: kept; those longest unseen make room.
        users: kept; the longest silent go first.
        sessions: kept for finding neighbours; the oldest go first.
        baskets: kept for finding people of like taste, each of up to 128 items of one user; the
            oldest go first.

    Raises:
        ConfigError: a value makes no sense.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.recommendation.state:RecommenderState"

    name: str
    _: KW_ONLY
    top: int = 10
    hide_bought_events: int = 2_000
    rules: Rules = field(default_factory=Rules)
    members: tuple[str, ...] = MEMBERS
    dimensions: int = 0
    session_gap_s: float = 1_800.0
    items: int = 100_000
    users: int = 50_000
    sessions: int = 100_000
    baskets: int = 20_000
    block_rows: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(
            self, top=1, hide_bought_events=0, items=20, users=1, sessions=1, baskets=1
        )
        require_at_least(self, dimensions=0)
        unknown = sorted(frozenset(self.members) - frozenset(MEMBERS))
        require(self, holds=not unknown, otherwise=f"there is no member {', '.join(unknown)}")
        require(self, holds=bool(self.members), otherwise="members must name one at least")
        require_above_zero(self, "session_gap_s")

    @property
    def answer_type(self) -> type[Recommendation]:
        """Ranked items for a user."""
        return Recommendation

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's."""
        return {**settings_of(self), "rules": self.rules.settings}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """The declaration with these settings, whatever its name."""
        return cls("recommender", **{**settings, "rules": Rules(**settings["rules"])})
