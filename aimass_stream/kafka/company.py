"""How long outcomes wait for company: those of all partitions of a worker, together.

Nobody waits for outcomes but the commit. The client has one request under way to a broker, and
answers wait behind one that has nothing but outcomes. So there is one such request for all
partitions, and not one for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

COMPANY_WAIT_S = 0.1
"""How long the first waits for others."""

Tell = Callable[[], None]


class Company:
    """Those who wait, all told a while after the first began to. Used on one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[Tell, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def join(self, tell: Tell) -> None:
        """Wait until `tell` is called; joining again changes nothing."""
        self._waiting[tell] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(COMPANY_WAIT_S, self._tell_all)

    def leave(self, tell: Tell) -> None:
        """Wait no longer, if it did."""
        self._waiting.pop(tell, None)

    def _tell_all(self) -> None:
        self._timer = None
        waiting, self._waiting = self._waiting, {}
        for tell in waiting:
            tell()
