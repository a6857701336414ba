"""Waiting for an application to be ready: how long it is worth it, and what is told meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from aimass_stream.verify.errors import VerifyError

TOLD_EVERY_S = 20.0
EXTENDED = 4
"""How many times its limit a start may take that gets further all the time."""
POLL_S = 0.1


class StartPatience:
    """Lasts for a limit from the latest sign of getting further, and `EXTENDED` limits in all.

    A reason that was not given before is such a sign, and so is a line more in the log.

    Args:
        limit_s: seconds without any.
        clock: seconds that only grow.
    """

    def __init__(self, limit_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit_s = limit_s
        self._clock = clock
        self._began_s = self._further_s = self._told_s = clock()
        self._seen: set[str] = set()
        self._lines = -1

    @property
    def waited_s(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began_s

    def lasts(self, reasons: Sequence[str], lines: int) -> bool:
        """Whether to go on waiting, with what is said and logged by now."""
        now_s = self._clock()
        if lines > self._lines or not self._seen.issuperset(reasons):
            self._lines, self._further_s = lines, now_s
            self._seen.update(reasons)
        is_over = now_s - self._began_s > EXTENDED * self._limit_s
        return not is_over and now_s - self._further_s <= self._limit_s

    def is_due(self) -> bool:
        """Whether people are to hear that it still goes on; once every `TOLD_EVERY_S`."""
        now_s = self._clock()
        if now_s - self._told_s < TOLD_EVERY_S:
            return False
        self._told_s = now_s
        return True


async def until_started(
    unready: Callable[[], Awaitable[Sequence[str]]],
    count_lines: Callable[[], int],
    patience: StartPatience,
    say: Callable[[str], None],
    advice: str,
) -> None:
    """Wait until an application that was started is ready, and tell what it waits for.

    Args:
        unready: asks why it is not, an entry for each worker; raises where it has ended.
        count_lines: of its log, by now.
        patience: how long.
        say: told every `TOLD_EVERY_S`.
        advice: ends the error.

    Raises:
        VerifyError: it is not ready in time; the text says what it waited for.
    """
    while reasons := await unready():
        text = f"{'; '.join(reasons)} ({patience.waited_s:.0f} s)"
        if not patience.lasts(reasons, count_lines()):
            raise VerifyError(f"The application is not ready: {text}. {advice}")
        if patience.is_due():
            say(f"not ready yet: {text}")
        await asyncio.sleep(POLL_S)
