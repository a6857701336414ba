"""Room: a bound on what is held at a time, by weight, first come first served."""

from __future__ import annotations

import asyncio
from collections import deque


class Room:
    """A weighted semaphore for one event loop.

    What weighs more than the whole room is let in when the room is empty, so nothing waits
    for ever. Nobody overtakes: a heavy one is not starved by light ones.

    Attributes:
        held: the weight that is in now.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self.held = 0

    def try_take(self, weight: int) -> bool:
        """Take room if it can be had at once."""
        if self._waiting or not self._fits(weight):
            return False
        self.held += weight
        return True

    async def take(self, weight: int) -> None:
        """Wait for room."""
        if self.try_take(weight):
            return
        entered = asyncio.get_running_loop().create_future()
        self._waiting.append((weight, entered))
        try:
            await entered
        except asyncio.CancelledError:
            if entered.cancelled():
                self._let_in()
            else:
                self.give(weight)
            raise

    def give(self, weight: int) -> None:
        """Give room back, and let in who fits."""
        self.held -= weight
        self._let_in()

    def _fits(self, weight: int) -> bool:
        return self.held + weight <= self._capacity or not self.held

    def _let_in(self) -> None:
        waiting = self._waiting
        while waiting and (waiting[0][1].done() or self._fits(waiting[0][0])):
            weight, entered = waiting.popleft()
            if not entered.done():
                self.held += weight
                entered.set_result(None)
