"""The declaration of a recommender; importing it imports no learning library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from aimass_stream.learner import Learner
from aimass_stream.learners.declared import (
    require_above_zero,
    require_at_least,
    settings_of,
)
from aimass_stream.records import Recommendation


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

    Attributes:
        top: items of an answer.
        hide_bought_events: of a user, through which an item that the user bought is not shown.
        never_shown: items that are in no answer, though what people do with them is learnt.
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
    never_shown: tuple[str, ...] = ()
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
        require_above_zero(self, "session_gap_s")

    @property
    def answer_type(self) -> type[Recommendation]:
        """Ranked items for a user."""
        return Recommendation

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's."""
        return settings_of(self)
