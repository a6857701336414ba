"""Messages to the broker in batches, delivered when every replica in sync has them.

Faust's producer with `acks=all` and idempotence, and one verb of our own: `deliver` builds
record batches itself and returns when all of them are acknowledged. While the broker is away
it keeps trying, because an outcome that is not on the broker holds its offsets back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError
from faust.transport.drivers import aiokafka as driver

from aimass_stream.errors import LostOutcomeError

MAX_BATCH_BYTES = 900_000
"""Below the broker's default `message.max.bytes`, which bounds a batch."""
RETRY_AFTER_S = 0.5


class Message(NamedTuple):
    """One message; its place is the key it is filed under in `Outgoing`."""

    timestamp_ms: int
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


Outgoing = dict[tuple[str, int], list[Message]]
"""Messages by topic and partition, in order."""


class Producer(driver.Producer):
    """Faust's producer, idempotent, with batches of our own."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {
            **super()._settings_extra(),
            "acks": "all",
            "enable_idempotence": True,
            "max_batch_size": MAX_BATCH_BYTES,
        }

    async def deliver(self, outgoing: Outgoing) -> None:
        """Append messages and wait until all are on the broker; order is kept per partition.

        Raises:
            LostOutcomeError: the broker refuses them for good.
        """
        await asyncio.gather(
            *(
                self._deliver_to(topic, partition, messages)
                for (topic, partition), messages in outgoing.items()
            )
        )

    async def _deliver_to(self, topic: str, partition: int, messages: list[Message]) -> None:
        while messages:
            try:
                sent = await self._send_one_batch(topic, partition, messages)
            except KafkaError as error:
                # A batch that aged out while the broker was away is built anew: the ids in
                # its headers make the repeat harmless if the first one did arrive.
                if not (error.retriable or isinstance(error, KafkaTimeoutError)):
                    raise LostOutcomeError(
                        f"the broker refuses messages for {topic}/{partition}: {error!r}"
                    ) from error
                self.log.warning(
                    "%d messages for %s/%d not delivered, trying again: %r",
                    len(messages),
                    topic,
                    partition,
                    error,
                )
                await asyncio.sleep(RETRY_AFTER_S)
            else:
                messages = messages[sent:]

    async def _send_one_batch(self, topic: str, partition: int, messages: list[Message]) -> int:
        producer = cast(AIOKafkaProducer, self._ensure_producer())
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
