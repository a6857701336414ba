"""When a process has said nothing for too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_TICK_S = 0.5


class SessionSilence:
    """Watches for signs of life. Lives on one event loop.

    Args:
        limit_s: how long silence may last now.
        on_silence: called once, when it has lasted longer.
    """

    def __init__(self, limit_s: Callable[[], float], on_silence: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit_s = limit_s
        self._on_silence = on_silence
        self._heard_at = 0.0
        self._tick: asyncio.TimerHandle | None = None

    def hear(self) -> None:
        """There was a sign of life, or none was due until now."""
        self._heard_at = self._loop.time()

    def watch(self) -> None:
        """Begin."""
        self._look(self._loop.time())

    def end(self) -> None:
        """Watch no longer."""
        if self._tick is not None:
            self._tick.cancel()

    def _look(self, due_at: float) -> None:
        now = self._loop.time()
        # When this loop itself was held up, signs of life may lie unread.
        on_time = now - due_at < _TICK_S
        if on_time and now - self._heard_at > self._limit_s():
            self._on_silence()
            return
        self._tick = self._loop.call_at(now + _TICK_S, self._look, now + _TICK_S)
