"""Watches the event loop of a worker from a thread, so that a loop that stands still is seen.

Heartbeats to the broker run in a thread of their own, so a worker whose loop is blocked keeps
its partitions and does nothing for them. A call that blocks for too long ends the process, with
its stack in the log. Time is counted in beats of the thread itself: a process that was stopped
or a machine that slept has not lived through the time between.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import traceback

from aimass_stream import metrics
from aimass_stream.batching.policy import RecentMax
from aimass_stream.errors import StalledError

log = logging.getLogger("aimass_stream.worker")

BEAT_S = 1.0
_LAG_WINDOW_S = 10.0


class LoopWatch:
    """Beats on the loop and in a thread, and compares.

    Args:
        stall_s: seconds the loop may stand still.
    """

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self._beats = 0
        self._lag = RecentMax(_LAG_WINDOW_S)
        self._over = threading.Event()
        self._end_in_s: float | None = None
        self._end = (0, "")
        self._loop_thread = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, on the loop that is to be watched."""
        loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._beat(loop, loop.time())
        threading.Thread(target=self._watch, name="loop watch", daemon=True).start()

    def stop(self) -> None:
        """End it, and whatever end was announced."""
        if self._timer is not None:
            self._timer.cancel()
        self._over.set()

    def end_within(self, budget_s: float, code: int, reason: str) -> None:
        """End the process with `code` if it has not ended by itself in `budget_s` seconds.

        Asked again, only what is said of it changes.
        """
        self._end = (code, reason)
        if self._end_in_s is None:
            self._end_in_s = budget_s

    def _beat(self, loop: asyncio.AbstractEventLoop, due_s: float) -> None:
        now_s = loop.time()
        self._beats += 1
        self._lag.add(int((now_s - due_s) * 1000), now_s)
        metrics.LOOP_LAG_MS.set(self._lag.get(now_s))
        self._timer = loop.call_at(now_s + BEAT_S, self._beat, loop, now_s + BEAT_S)

    def _watch(self) -> None:
        seen, still_s = 0, 0.0
        while not self._over.wait(BEAT_S):
            still_s = 0.0 if self._beats != seen else still_s + BEAT_S
            seen = self._beats
            if self._end_in_s is not None:
                self._end_in_s -= BEAT_S
                if self._end_in_s <= 0:
                    code, reason = self._end
                    log.error("the worker did not end by itself, and is ended: %s", reason)
                    os._exit(code)
            elif still_s >= self._stall_s:
                log.error(
                    "the worker ends: its event loop stood still for %.0f s. A call in an agent "
                    "blocks it; await it, or run it in a thread. It was here:\n%s",
                    still_s,
                    self._stack(),
                )
                os._exit(StalledError.exit_code)

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 - its documented name
        return "".join(traceback.format_stack(frame)) if frame is not None else ""
