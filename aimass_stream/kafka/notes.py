"""What an app's state was, noted where every owner of a partition can read it.

`<app>.state` is a compacted topic of one partition: one small note for each partition of a
table's changelog, and one for each state of a learner. A note says what was there, so that
whoever comes next can tell lost from new.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError

from aimass_stream.kafka.messages import Message
from aimass_stream.kafka.outgoing import Outgoing
from aimass_stream.kafka.topics import TopicPlan, topic_config, unreachable

READ_MS = 1_000
FETCH_MS = 50

# Small segments, because what a worker reads at its start is what the cleaner has left.
_CONFIG = {
    **topic_config(compacted=True),
    "segment.bytes": str(1 << 20),
    "min.cleanable.dirty.ratio": "0.1",
}


def state_topic(app_id: str) -> str:
    """Where an app's notes lie."""
    return f"{app_id}.state"


def plan_state(app_id: str) -> TopicPlan:
    """The topic of the notes."""
    return TopicPlan(state_topic(app_id), 1, _CONFIG)


class Extent(msgspec.Struct, frozen=True):
    """A stretch of one partition.

    Attributes:
        beginning: offset of its first record.
        end: offset after its last record.
    """

    beginning: int
    end: int


LEARNER = "learner/"
"""What the names of learners' states begin with."""

NEVER = Extent(-1, 0)
"""The note of what never was, which is as good as none."""


class Notes:
    """The notes of one app. Lives on one event loop; nothing is connected before it is used.

    Args:
        app_id: names the topic, which must exist.
        client: the settings of an aiokafka client, asked for when it is made.
        deliver: puts messages on the broker.
    """

    def __init__(
        self,
        app_id: str,
        client: Callable[[], Mapping[str, Any]],
        deliver: Callable[[Outgoing], Awaitable[None]],
    ) -> None:
        self._tp = TopicPartition(state_topic(app_id), 0)
        self._client = client
        self._deliver = deliver
        self._held: dict[str, Extent] = {}
        self._lock = asyncio.Lock()
        self._consumer: AIOKafkaConsumer | None = None

    async def read(self) -> Mapping[str, Extent]:
        """All notes as they are on the broker now; the last one of a name holds.

        Raises:
            BrokerError: the broker does not answer.
        """
        async with self._lock:
            consumer = await self._connect()
            end = (await consumer.end_offsets([self._tp]))[self._tp]
            if await consumer.position(self._tp) < end:
                consumer.resume(self._tp)
                while await consumer.position(self._tp) < end:
                    fetched = await consumer.getmany(self._tp, timeout_ms=READ_MS)
                    for record in fetched.get(self._tp, ()):
                        extent = msgspec.json.decode(record.value, type=Extent)
                        self._held[record.key.decode()] = extent
                # A fetch that waits for records would hold up every other request behind it.
                consumer.pause(self._tp)
            return dict(self._held)

    async def write(self, extents: Mapping[str, Extent]) -> None:
        """Note these; returns when they are on the broker."""
        now_ms = int(time.time() * 1000)
        messages: list[Message] = [
            (now_ms, name.encode(), msgspec.json.encode(extent), [])
            for name, extent in extents.items()
        ]
        if messages:
            await self._deliver({tuple(self._tp): messages})

    async def forget_learners(self) -> None:
        """Note of every learner's state that it never was, so that none is missed.

        One that has snapshots goes on from them, and is noted again.
        """
        names = [name for name in await self.read() if name.startswith(LEARNER)]
        await self.write(dict.fromkeys(names, NEVER))

    async def extents(self, partitions: list[TopicPartition]) -> dict[TopicPartition, Extent]:
        """What partitions, which must exist, hold now."""
        if not partitions:
            return {}
        async with self._lock:
            consumer = await self._connect()
            beginnings = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
        return {tp: Extent(beginnings[tp], ends[tp]) for tp in partitions}

    async def close(self) -> None:
        """Hang up."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def _connect(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            client = self._client()
            consumer = AIOKafkaConsumer(
                **client, enable_auto_commit=False, fetch_max_wait_ms=FETCH_MS
            )
            try:
                await consumer.start()
            except KafkaConnectionError as error:
                await consumer.stop()
                raise unreachable(client) from error
            consumer.assign([self._tp])
            await consumer.seek_to_beginning()
            consumer.pause(self._tp)
            self._consumer = consumer
        return self._consumer
