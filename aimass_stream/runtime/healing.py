"""What a lane does while its model's circuit is open: it tries held records, one at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aimass_stream import metrics
from aimass_stream.runtime.circuit import Circuit
from aimass_stream.runtime.usage import Clock

log = logging.getLogger("aimass.lane")


class Healing:
    """Watches one circuit, says when it opens and closes, and tries while it is open.

    Args:
        circuit: of the model.
        model_id: `name@version`.
        clock: the circuit's.
        try_one: tries one held record, waiting until there is one; notes what came of it.
        on_close: called when the circuit has closed.
        on_error: called with what `try_one` raised; there will be no more tries.
    """

    def __init__(
        self,
        circuit: Circuit,
        model_id: str,
        clock: Clock,
        try_one: Callable[[], Awaitable[None]],
        on_close: Callable[[], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._circuit = circuit
        self._model_id = model_id
        self._clock = clock
        self._try_one = try_one
        self._on_close = on_close
        self._on_error = on_error
        self._metric = metrics.OPEN_CIRCUITS.labels(model_id)
        self._shown_open = False
        self.task: asyncio.Task[None] | None = None

    @property
    def trouble(self) -> str:
        """What is wrong with the model, in a sentence; empty while nothing is."""
        if self._circuit.since_s is None:
            return ""
        open_s = self._clock() - self._circuit.since_s
        return (
            f"model {self._model_id} has answered nothing for {open_s:.0f} s, so its records are "
            f"held and one at a time is tried; last failure: {self._circuit.last_failure}"
        )

    def update(self) -> None:
        """Act on what became of the circuit; call it after every note."""
        is_open = self._circuit.is_open
        if is_open == self._shown_open:
            return
        self._shown_open = is_open
        self._metric.set(is_open)
        if not is_open:
            log.warning("model %s answers again; what was held is scored", self._model_id)
            self._on_close()
            return
        log.error(
            "model %s fails on everything; its records are held and one at a time is tried. "
            "Last failure: %s",
            self._model_id,
            self._circuit.last_failure,
        )
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._heal())

    async def _heal(self) -> None:
        probe_s = 0.0
        try:
            while self._circuit.is_open:
                await asyncio.sleep(self._circuit.next_pause_s(probe_s))
                began_s = self._clock()
                if self._circuit.is_open:
                    await self._try_one()
                probe_s = self._clock() - began_s
        except Exception as error:
            self._on_error(error)
