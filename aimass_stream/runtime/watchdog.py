"""A thread that notices when a call outlives its timeout."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Watchdog(Generic[T]):
    """Watches one call at a time in each of a few lanes (decode, predict).

    `begin` and `end` are called by the thread that makes the call. `on_hang` is called once,
    from the watchdog's thread, with what was begun and where its thread stands; the process
    is expected not to outlive that.

    Args:
        on_hang: told what hangs and the stack of its thread.
    """

    def __init__(self, on_hang: Callable[[T, str], None]) -> None:
        self._on_hang = on_hang
        self._calls: dict[str, tuple[float, T, int]] = {}
        self._changed = threading.Condition()
        self._wakes_at = float("inf")
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def begin(self, lane: str, timeout_s: float, what: T) -> None:
        """A call begins on the calling thread."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._calls[lane] = (deadline, what, threading.get_ident())
            if deadline < self._wakes_at:
                self._changed.notify()

    def end(self, lane: str) -> None:
        """The call has ended; the thread finds out when it wakes, so this costs nothing."""
        with self._changed:
            self._calls.pop(lane, None)

    def _watch(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                self._wakes_at = min(
                    (call[0] for call in self._calls.values()), default=float("inf")
                )
                if self._wakes_at <= now:
                    break
                known = self._wakes_at != float("inf")
                self._changed.wait(self._wakes_at - now if known else None)
            _, what, thread = min(self._calls.values(), key=lambda call: call[0])
        self._on_hang(what, _stack_of(thread))


def _stack_of(thread: int) -> str:
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - the documented way to see it
    return "".join(traceback.format_stack(frame)) if frame is not None else ""
