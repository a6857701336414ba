"""What is sent under a fault: single records, bursts, and a steady rate beside it all."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from aimass_stream.kafka.sender import Place, Sender
from aimass_stream.records import Example
from aimass_stream.verify.errors import VerifyError

TICK_S = 0.05


class Load:
    """Sends records, and remembers what is wrong with which.

    Args:
        sender: entered.
        next_record: gives the next good record and its topic.
        rate: of a steady load, records a second over all source topics.

    Attributes:
        sent: records handed to the broker, by topic.
        bad: where the records lie that are to be dead-lettered, by source topic.
        victims: sources of the records that a model is to fail on, and that model.
    """

    def __init__(
        self, sender: Sender, next_record: Callable[[], tuple[str, Example]], rate: float
    ) -> None:
        self._sender = sender
        self._next_record = next_record
        self._rate = rate
        self._pending: set[asyncio.Future[Place]] = set()
        self._held = False
        self.sent: Counter[str] = Counter()
        self.bad: dict[str, set[Place]] = {}
        self.victims: dict[str, str] = {}

    async def send(
        self, topic: str, record: Example, *, bad: bool = False, timestamp_ms: int | None = None
    ) -> asyncio.Future[Place]:
        """Send a record; `bad` is one that every agent on the topic is to dead-letter.

        Returns:
            Its partition and offset, once the broker has it.
        """
        placed = await self._sender.send(
            topic,
            record.value,
            key=record.key,
            headers=record.headers,
            timestamp_ms=timestamp_ms,
        )
        self.sent[topic] += 1
        self._pending.add(placed)
        placed.add_done_callback(self._pending.discard)
        if bad:
            placed.add_done_callback(lambda done: self._note_bad(topic, done))
        return placed

    def _note_bad(self, topic: str, placed: asyncio.Future[Place]) -> None:
        if not placed.cancelled():
            self.bad.setdefault(topic, set()).add(placed.result())

    async def send_victim(self, model: str, topic: str, record: Example) -> None:
        """Send a record that a model is to fail on: every agent that asks it dead-letters that.

        Returns when the broker has it.
        """
        placed = await self.send(topic, record)
        # Shielded, since others wait for it too.
        partition, offset = await asyncio.shield(placed)
        self.victims[f"{topic}/{partition}/{offset}"] = model

    async def send_burst(self, count: int) -> None:
        """Send so many good records at once, the source topics in turn."""
        for _ in range(count):
            await self.send(*self._next_record())

    @asynccontextmanager
    async def steady_load(self, rate: float | None = None) -> AsyncIterator[None]:
        """Good records at a steady rate, beside the block.

        Args:
            rate: records a second over all source topics; the usual one when not given.
        """
        task = asyncio.create_task(self._send_steadily(rate or self._rate))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            raise VerifyError(f"sending failed: {error!r}") from error

    @contextmanager
    def held_load(self) -> Iterator[None]:
        """No steady load while the block runs, so that no backlog grows meanwhile."""
        self._held = True
        try:
            yield
        finally:
            self._held = False

    async def _send_steadily(self, rate: float) -> None:
        start, made = time.monotonic(), 0
        while True:
            if self._held:
                start, made = time.monotonic(), 0
            due = int((time.monotonic() - start) * rate) + 1
            # A schedule that fell behind, as while a broker is away, is not made up for at once.
            made = max(made, due - int(rate))
            while made < due and not self._held:
                made += 1
                await self.send(*self._next_record())
            await asyncio.sleep(TICK_S)

    async def acknowledged(self, within_s: float | None = None) -> None:
        """Wait until the broker has all that was sent, or the time is up."""
        if self._pending:
            await asyncio.wait(self._pending, timeout=within_s)
