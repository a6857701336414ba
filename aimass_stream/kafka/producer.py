"""Messages to the broker in batches, delivered when every replica in sync has them.

Faust's producer with `acks=all` and idempotence, and one verb of our own: `deliver` builds
record batches itself and returns when all of them are acknowledged. While the broker is away
it keeps trying, because an outcome that is not on the broker holds its offsets back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from aiokafka import AIOKafkaProducer
from faust.transport.drivers import aiokafka as driver

from aimass_stream.kafka.outgoing import MAX_BATCH_BYTES, Outgoing, deliver


class Producer(driver.Producer):
    """Faust's producer, idempotent, with batches of our own."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {
            **super()._settings_extra(),
            "acks": "all",
            "enable_idempotence": True,
            "max_batch_size": MAX_BATCH_BYTES,
        }

    async def deliver(self, outgoing: Outgoing, before: asyncio.Future[None] | None = None) -> None:
        """Append messages and wait until all are on the broker; order is kept per partition.

        Args:
            outgoing: what to deliver, and where.
            before: a delivery under way; what is built anew waits for its end.

        Raises:
            LostOutcomeError: the broker refuses them for good.
        """
        await deliver(lambda: cast(AIOKafkaProducer, self._ensure_producer()), outgoing, before)
