"""Messages on their way to the broker: built into record batches, delivered or refused for good.

Shared by the producer of a worker and by commands that write without one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

from aimass_stream.errors import LostOutcomeError

log = logging.getLogger("aimass.outgoing")

MAX_BATCH_BYTES = 900_000
"""Below the broker's default `message.max.bytes`, which bounds a batch."""
RETRY_AFTER_S = 0.5


Message = tuple[int, bytes | None, bytes, list[tuple[str, bytes]]]
"""Timestamp in milliseconds, key, value and headers of one message."""

Outgoing = dict[tuple[str, int], list[Message]]
"""Messages by topic and partition, in order."""

ProducerOf = Callable[[], AIOKafkaProducer]
"""Gives the client, which may be another one after a restart."""


async def deliver(client: ProducerOf, outgoing: Outgoing) -> None:
    """Append messages and wait until all are on the broker; order is kept per partition.

    While the broker is away it keeps trying.

    Args:
        client: started with `acks=all` and batches of up to `MAX_BATCH_BYTES`.
        outgoing: what to deliver, and where.

    Raises:
        LostOutcomeError: the broker refuses them for good.
    """
    await asyncio.gather(
        *(
            _deliver_to(client, topic, partition, messages)
            for (topic, partition), messages in outgoing.items()
        )
    )


async def _deliver_to(
    client: ProducerOf, topic: str, partition: int, messages: list[Message]
) -> None:
    while messages:
        try:
            sent = await _send_one_batch(client(), topic, partition, messages)
        except KafkaError as error:
            # A batch that aged out while the broker was away is built anew: the ids in
            # its headers make the repeat harmless if the first one did arrive.
            if not (error.retriable or isinstance(error, KafkaTimeoutError)):
                raise LostOutcomeError(
                    f"the broker refuses messages for {topic}/{partition}: {error!r}"
                ) from error
            log.warning(
                "%d messages for %s/%d not delivered, trying again: %r",
                len(messages),
                topic,
                partition,
                error,
            )
            await asyncio.sleep(RETRY_AFTER_S)
        else:
            messages = messages[sent:]


async def _send_one_batch(
    producer: AIOKafkaProducer, topic: str, partition: int, messages: list[Message]
) -> int:
    batch = producer.create_batch()
    sent = 0
    for timestamp_ms, key, value, headers in messages:
        appended = batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)
        if appended is None:
            break
        sent += 1
    batch.close()
    await (await producer.send_batch(batch, topic, partition=partition))
    return sent
