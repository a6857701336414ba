"""Puts the wall clock of a Python process off, by as many seconds as a file says at the moment.

Python imports a module of this name before all others in every process that has this folder on
its path, so nobody holds the real `time.time` by then. `aimass verify` puts it there. Clocks
that only go forward are left alone: they are what an engine is to rely on.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

CLOCK = "AIMASS_CLOCK"
"""The environment variable that names the file."""

_LOOK_S = 0.1


class WrongClock:
    """The wall clock and how far it is off.

    Args:
        path: of a file that holds seconds; none, or anything else in it, is no difference.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._real_ns = time.time_ns
        self._off_s = 0.0
        self._looks_at_s = 0.0

    def time_ns(self) -> int:
        """In place of `time.time_ns`."""
        now_s = time.monotonic()
        if now_s >= self._looks_at_s:
            self._looks_at_s = now_s + _LOOK_S
            try:
                self._off_s = float(self._path.read_text())
            except (OSError, ValueError):
                self._off_s = 0.0
        return self._real_ns() + int(self._off_s * 1e9)

    def time(self) -> float:
        """In place of `time.time`."""
        return self.time_ns() / 1e9


def _put_off(path: Path) -> None:
    clock = WrongClock(path)
    time.time, time.time_ns = clock.time, clock.time_ns


if CLOCK in os.environ:
    _put_off(Path(os.environ[CLOCK]))
