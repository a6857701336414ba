"""What a worker waits for that has no partitions yet, in words."""

from __future__ import annotations

import time
from collections.abc import Callable

SLACK_S = 5.0
"""Beyond a session's timeout, until an assignment takes longer than a killed worker explains."""


class Assignment:
    """How long partitions have been given out for.

    Args:
        group: the app's id, which names the consumer group.
        session_s: seconds after its last heartbeat that a killed member keeps its place for.
        rebalance_s: seconds that the group waits for a member that lives and does not join.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        group: str,
        session_s: float,
        rebalance_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._group = group
        self._session_s = session_s
        self._rebalance_s = rebalance_s
        self._clock = clock
        self._since_s: float | None = clock()

    def look(self, *, is_under_way: bool) -> None:
        """Note whether partitions are being given out now."""
        if not is_under_way:
            self._since_s = None
        elif self._since_s is None:
            self._since_s = self._clock()

    def reason(self, unfilled: int) -> str:
        """Why no record is answered yet. The text stays the same unless the start gets further.

        Args:
            unfilled: records that tables have yet to read; 0 where none is being filled.
        """
        if unfilled:
            return f"tables are being filled, {unfilled:,} records of their changelogs are left"
        usual_s = self._session_s + SLACK_S
        if self._since_s is None or self._clock() - self._since_s < usual_s:
            return "partitions are being assigned"
        return (
            f"partitions are being assigned, for more than {usual_s:.0f} s: a worker of the app "
            f"{self._group} that was killed is in the group until {self._session_s:.0f} s after "
            f"its last heartbeat, one that lives and hangs for up to {self._rebalance_s:.0f} s; "
            "or Kafka cannot be reached or names no coordinator for the group, which the log says"
        )
