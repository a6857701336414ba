"""Messages on their way to the broker: built into record batches, delivered or refused for good.

Shared by the producer of a worker and by commands that write without one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

from aimass_stream.errors import LostOutcomeError
from aimass_stream.kafka.column_batch import BATCH_OVERHEAD, compression_of
from aimass_stream.kafka.messages import Message, Messages

log = logging.getLogger("aimass.outgoing")

MAX_BATCH_BYTES = 900_000
"""Below the broker's default `message.max.bytes`, which bounds a batch."""
BATCH_BYTES = MAX_BATCH_BYTES - BATCH_OVERHEAD
"""What the messages of a batch may take together."""
RETRY_AFTER_S = 0.5


Outgoing = Mapping[tuple[str, int], Messages | list[Message]]
"""Messages by topic and partition, in order."""

ProducerOf = Callable[[], AIOKafkaProducer]
"""Gives the client, which may be another one after a restart."""


async def deliver(
    client: ProducerOf, outgoing: Outgoing, before: asyncio.Future[None] | None = None
) -> None:
    """Append messages and wait until all are on the broker; order is kept per partition.

    While the broker is away it keeps trying.

    Args:
        client: started with `acks=all` and batches of up to `MAX_BATCH_BYTES`.
        outgoing: what to deliver, and where.
        before: a delivery that was begun earlier and is under way. The client keeps the order
            until it gives a batch up; one that is then built anew waits for the end of `before`.

    Raises:
        LostOutcomeError: the broker refuses them for good.
    """
    deliveries = [
        _deliver_to(client, topic, partition, messages, before)
        for (topic, partition), messages in outgoing.items()
    ]
    if len(deliveries) == 1:
        # Most deliveries are answers of one partition, and need no task beside.
        await deliveries[0]
    else:
        await asyncio.gather(*deliveries)


async def _deliver_to(
    client: ProducerOf,
    topic: str,
    partition: int,
    outgoing: Messages | list[Message],
    before: asyncio.Future[None] | None,
) -> None:
    messages = outgoing if isinstance(outgoing, Messages) else Messages(outgoing)
    cuts = deque(messages.batches(BATCH_BYTES))
    while cuts:
        first, end = cuts[0]
        try:
            producer = client()
            batch = messages.batch(first, end, compression_of(producer))
            await (await producer.send_batch(batch, topic, partition=partition))
        except KafkaError as error:
            # A batch that aged out while the broker was away is built anew: the ids in
            # its headers make the repeat harmless if the first one did arrive.
            if not (error.retriable or isinstance(error, KafkaTimeoutError)):
                raise LostOutcomeError(
                    f"the broker refuses messages for {topic}/{partition}: {error!r}"
                ) from error
            log.warning(
                "%d messages for %s/%d not delivered, trying again: %r",
                len(messages) - first,
                topic,
                partition,
                error,
            )
            await asyncio.sleep(RETRY_AFTER_S)
            if before is not None:
                await asyncio.wait([before])
        else:
            cuts.popleft()
