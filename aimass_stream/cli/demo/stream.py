"""The demo's stream: the records of every act, sent at a steady rate."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from aimass_stream.cli.demo.acts import Act, Item
from aimass_stream.kafka.sender import Place, Sender

TICKS_PER_S = 50.0


class Stream:
    """Sends records and remembers where the broker put them.

    Args:
        sender: where to.
        acts: who makes the records.

    Attributes:
        sent: records sent, by topic.
        broken: where the records that are broken on purpose lie, and how, by topic.
        whole: where the others lie, by topic.
    """

    def __init__(self, sender: Sender, acts: Sequence[Act]) -> None:
        self._sender = sender
        self._acts = acts
        self.sent: Counter[str] = Counter()
        self.broken: dict[str, dict[Place, str]] = {}
        self.whole: dict[str, set[Place]] = {}

    @property
    def total(self) -> int:
        """Records sent."""
        return self.sent.total()

    async def send_first(self) -> None:
        """Send one record of each act, to see the paths open."""
        for act in self._acts:
            await self._send(act, act.next())

    async def run(self, rate: float, seconds: float, stopped: asyncio.Event) -> None:
        """Send `rate` records a second for `seconds`, or until stopped.

        The schedule is absolute, so a slow moment is made up for.
        """
        start, made = time.monotonic(), Counter[int]()
        whole = sum(act.share for act in self._acts)
        while not stopped.is_set() and (elapsed_s := time.monotonic() - start) < seconds:
            for number, act in enumerate(self._acts):
                for item in act.follow_up(elapsed_s):
                    await self._send(act, item)
                due = int(elapsed_s * rate * act.share / whole) + 1
                while made[number] < due and not stopped.is_set():
                    made[number] += 1
                    await self._send(act, act.next())
            await asyncio.sleep(1 / TICKS_PER_S)

    async def _send(self, act: Act, item: Item) -> None:
        placed = await self._sender.send(
            item.topic,
            item.value,
            key=item.key,
            headers=item.headers,
            timestamp_ms=item.timestamp_ms,
        )
        self.sent[item.topic] += 1
        note: Callable[[asyncio.Future[Place]], None] = partial(self._note, act, item)
        placed.add_done_callback(note)

    def _note(self, act: Act, item: Item, placed: asyncio.Future[Place]) -> None:
        if placed.cancelled():
            return
        if item.broken is not None:
            self.broken.setdefault(item.topic, {})[placed.result()] = item.broken
            return
        self.whole.setdefault(item.topic, set()).add(placed.result())
        act.note(placed.result(), item)
