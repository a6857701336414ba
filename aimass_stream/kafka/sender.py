"""Sending records from outside a worker: for producers, the demo and tests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from aimass_stream.kafka.outgoing import MAX_BATCH_BYTES, Outgoing, deliver
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.topics import unreachable

Place = tuple[int, int]
"""Partition and offset of a record."""

IN_FLIGHT = 2_000
LINGER_MS = 5
MAX_BYTES = 1_048_576
REQUEST_TIMEOUT_MS = 60_000


class Sender:
    """Sends records with `acks=all`, a bounded number of them in flight.

    Args:
        url: the broker, as in `AIMASS_BROKER`.
        max_bytes: the largest record that may be sent; the broker has a limit of its own.

    Use as an async context manager; leaving it waits for what is in flight.

    Attributes:
        sent: records the broker has acknowledged.
    """

    def __init__(self, url: str, *, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._client = {"bootstrap_servers": bootstrap_servers(url)}
        self._producer: AIOKafkaProducer | None = None
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._error: BaseException | None = None
        self.sent = 0

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            BrokerError: the broker cannot be reached.
        """
        producer = AIOKafkaProducer(
            **self._client,
            acks="all",
            enable_idempotence=True,
            linger_ms=LINGER_MS,
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=self._max_bytes,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        try:
            await producer.start()
        except KafkaConnectionError as error:
            await producer.stop()
            raise unreachable(self._client) from error
        self._producer = producer
        return self

    async def __aexit__(self, *_: object) -> None:
        """Wait for what is in flight and disconnect."""
        if self._producer is not None:
            await self._producer.stop()

    @property
    def error(self) -> BaseException | None:
        """Why the broker refused a record; None while it refused none."""
        return self._error

    async def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        timestamp_ms: int | None = None,
        partition: int | None = None,
    ) -> asyncio.Future[Place]:
        """Queue a record; waits while too many are in flight.

        Args:
            topic: where to; it exists.
            value: None for a tombstone.
            key: decides the partition where none is given.
            headers: as they will be.
            timestamp_ms: event time; now, if not given.
            partition: where on the topic.

        Returns:
            Partition and offset, once the broker has the record.

        Raises:
            KafkaError: an earlier record was refused.
        """
        if self._error is not None:
            raise self._error
        producer = self._connected()
        await self._slots.acquire()
        sending: asyncio.Future[Any] = await producer.send(
            topic,
            value,
            key=key,
            headers=list(headers),
            timestamp_ms=timestamp_ms,
            partition=partition,
        )
        placed: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        sending.add_done_callback(partial(self._note_sent, placed))
        return placed

    async def deliver(self, outgoing: Outgoing, before: asyncio.Future[None] | None = None) -> None:
        """Send messages in record batches, as a worker does, and wait until the broker has them.

        Args:
            outgoing: what to deliver, and where.
            before: a delivery under way; what is built anew waits for its end.

        Raises:
            LostOutcomeError: the broker refuses them for good.
        """
        await deliver(self._connected, outgoing, before)

    def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("use the sender as an async context manager")
        return self._producer

    def _note_sent(self, placed: asyncio.Future[Place], sending: asyncio.Future[Any]) -> None:
        self._slots.release()
        if sending.cancelled():
            placed.cancel()
        elif (error := sending.exception()) is not None:
            self._error = error
            placed.cancel()
        else:
            self.sent += 1
            if not placed.done():
                placed.set_result((sending.result().partition, sending.result().offset))
