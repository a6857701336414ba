"""The declaration of a guard against abuse; importing it imports no library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from aimass_stream.learner import Learner
from aimass_stream.learners.declared import require_above_zero, require_at_least, settings_of
from aimass_stream.records import Verdict


@dataclass(frozen=True)
class AbuseGuard(Learner[Verdict]):
    """Says which views, clicks and purchases others should not learn from, and why.

    ```python
    guard = AbuseGuard("guard")
    app.feed(guard, behaviour)
    ```

    Four offences: more actions in a second than people manage; many more in a minute than is
    usual, for the user and for everybody; even intervals, as of a program; and the same items in
    the same order as others who are too many for chance, within a second or within minutes. Who
    offends is kept out until `forgive_s` have passed without another offence. What is kept out
    does not count for what is usual. Positions are answered with None.

    Attributes:
        most_per_s: actions of a user in a second that are still possible.
        least_burst: actions of a user in a minute that are never a burst.
        burst_times: how many times the usual a burst is.
        even_share: spread of the middle half of a user's latest intervals, as a share of their
            median, below which they are even.
        farm_users: users in step, beyond those whom chance explains, who are a farm.
        farm_s: seconds of event time in which they are.
        warm_records: actions to learn before anybody can be in step.
        forgive_s: seconds of event time from a user's last offence until it is forgiven.
        users: remembered; the longest silent go first.
        items: whose popularity is remembered, and twice as many pairs; the longest unseen go
            first.
        sequences: of items that are watched; the longest unseen go first.

    Raises:
        ConfigError: a value makes no sense.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.abuse.state:AbuseGuardState"

    name: str
    _: KW_ONLY
    most_per_s: float = 10.0
    least_burst: float = 60.0
    burst_times: float = 3.0
    even_share: float = 0.1
    farm_users: int = 5
    farm_s: float = 600.0
    warm_records: int = 2_000
    forgive_s: float = 3_600.0
    users: int = 50_000
    items: int = 50_000
    sequences: int = 20_000
    block_rows: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_above_zero(
            self, "most_per_s", "least_burst", "burst_times", "even_share", "farm_s", "forgive_s"
        )
        require_at_least(self, farm_users=2, warm_records=0, users=1, items=1, sequences=1)

    @property
    def answer_type(self) -> type[Verdict]:
        """Whether an action may be learnt from."""
        return Verdict

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's."""
        return settings_of(self)
