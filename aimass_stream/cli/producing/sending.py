"""The loop that sends items: at a steady rate, each noted when the broker has it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from aimass_stream.cli.producing.items import Item, Parcel, UnsendableError
from aimass_stream.cli.producing.journal import Journal, Place
from aimass_stream.errors import ConfigError
from aimass_stream.kafka.sender import Sender

SETTLE_S = 5.0


@dataclass(slots=True)
class Tally:
    """How far a run has come.

    Attributes:
        total: items there are, those of earlier runs included.
        before: items that earlier runs sent.
        acknowledged: items this run sent and the broker has.
        refused: items this run sent and the broker does not have.
        size_bytes: of the values acknowledged.
        unsendable: items that cannot be records, and why.
        doubtful: items that were sent although something speaks against them, and what.
    """

    total: int = 0
    before: int = 0
    acknowledged: int = 0
    refused: int = 0
    size_bytes: int = 0
    unsendable: list[tuple[str, str]] = field(default_factory=list)
    doubtful: list[tuple[str, str]] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Items that nothing more is to be done for."""
        return self.before + self.acknowledged + len(self.unsendable)


class Shipment:
    """Sends items to one topic.

    Args:
        sender: connected.
        topic: where to.
        journal: notes what is acknowledged.
        tally: counts, and may be read at any moment.
    """

    def __init__(self, sender: Sender, topic: str, journal: Journal, tally: Tally) -> None:
        self._sender = sender
        self._topic = topic
        self._journal = journal
        self._tally = tally
        self._in_flight: set[asyncio.Future[Place]] = set()
        self._journal_error: OSError | None = None

    async def send(self, items: Iterable[Item], rate: float | None, stopped: asyncio.Event) -> None:
        """Send items in order, until all are sent or `stopped` is set.

        The schedule is absolute: a slow moment is made up for. What is in flight is waited for
        by leaving the sender, and then by `settle`.

        Args:
            items: what to send.
            rate: items a second; None for as fast as the broker takes them.
            stopped: ends the loop before the next item.

        Raises:
            KafkaError: the broker refused an item.
            ConfigError: the journal cannot be written any more.
        """
        start_s = asyncio.get_running_loop().time()
        for number, item in enumerate(items):
            if rate is not None:
                await _wait_until(start_s + number / rate, stopped)
            if stopped.is_set():
                return
            self._check_journal()
            try:
                parcel = await asyncio.to_thread(item.load)
            except UnsendableError as error:
                self._tally.unsendable.append((item.name, str(error)))
                continue
            sent = await self._sender.send(
                self._topic, parcel.value, key=parcel.key, headers=parcel.headers
            )
            self._in_flight.add(sent)
            sent.add_done_callback(partial(self._note_settled, item, parcel))

    async def settle(self) -> None:
        """See to it that every fate is counted; call it when the sender was left.

        Raises:
            ConfigError: the journal cannot be written any more.
        """
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=SETTLE_S)
        self._tally.refused += len(self._in_flight)
        self._check_journal()

    def _note_settled(self, item: Item, parcel: Parcel, sent: asyncio.Future[Place]) -> None:
        self._in_flight.discard(sent)
        if sent.cancelled() or sent.exception() is not None:
            self._tally.refused += 1
            return
        try:
            self._journal.note(item.id, sent.result())
        except OSError as error:
            self._journal_error = error
        self._tally.acknowledged += 1
        self._tally.size_bytes += len(parcel.value)
        if parcel.doubt:
            self._tally.doubtful.append((item.name, parcel.doubt))

    def _check_journal(self) -> None:
        if self._journal_error is not None:
            raise ConfigError(
                f"What was sent cannot be noted: {self._journal_error}. Free some space; the "
                "same command then sends the rest, and a few again."
            )


async def _wait_until(due_s: float, stopped: asyncio.Event) -> None:
    remaining_s = due_s - asyncio.get_running_loop().time()
    if remaining_s > 0:
        with suppress(TimeoutError):
            async with asyncio.timeout(remaining_s):
                await stopped.wait()
