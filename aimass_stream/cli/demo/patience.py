"""How long to wait for what comes in any number: while it comes."""

from __future__ import annotations

import time
from collections.abc import Callable


class Patience:
    """Lasts for as long as a count grows, and a while longer.

    Args:
        still_s: seconds without growth after which it is over.
        clock: seconds that only grow.
    """

    def __init__(self, still_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._still_s = still_s
        self._clock = clock
        self._count = -1
        self._grew_s = clock()

    def lasts(self, count: int) -> bool:
        """Whether to go on waiting, with the count as it is now."""
        now_s = self._clock()
        if count > self._count:
            self._count, self._grew_s = count, now_s
        return now_s - self._grew_s < self._still_s
