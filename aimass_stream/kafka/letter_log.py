"""What a worker's log says of dead letters: the first at once, later ones together."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence

from aimass_stream.runtime.handover import Failure

EVERY_S = 30.0

log = logging.getLogger("aimass.dead_letters")


class LetterLog:
    """Counts dead letters that are on the broker, until they are told. Lives on one event loop."""

    def __init__(self) -> None:
        self._untold: Counter[tuple[str, str]] = Counter()
        self._pause: asyncio.TimerHandle | None = None

    def note(self, agent: str, failures: Sequence[Failure]) -> None:
        """Take in what an agent's records failed of."""
        self._untold.update((agent, str(failure.error.reason)) for failure in failures)
        if self._untold and self._pause is None:
            self._tell(f" (more are counted for {EVERY_S:g} s)")

    def close(self) -> None:
        """Tell what is untold; nothing is noted after that."""
        if self._pause is not None:
            self._pause.cancel()
        if self._untold:
            self._tell()

    def _tell(self, beside: str = "") -> None:
        told, self._untold = self._untold, Counter()
        counts = ", ".join(
            f"{count} of {agent} ({reason})" for (agent, reason), count in told.most_common()
        )
        log.warning("dead-lettered %s%s; aimass dlq list shows them", counts, beside)
        self._pause = asyncio.get_running_loop().call_later(EVERY_S, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        if self._untold:
            self._tell()
