"""Reading a stretch of one partition again: what a learner has to catch up with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.types.tuples import TP

from aimass_stream.errors import LostStateError
from aimass_stream.kafka.columns import chunk_of
from aimass_stream.kafka.intake import Intake
from aimass_stream.kafka.notes import LEARNER, NEVER, Extent, Notes
from aimass_stream.records import Chunk

POLL_MS = 1_000
REPLAY_RECORDS = 1_024


class Logs:
    """The logs of a worker's learners, beside its consumer group.

    Args:
        client: the settings of an aiokafka client, asked for when one is made.
        intake: knows what the group has committed.
        notes: the app's, asked for when they are needed.
    """

    def __init__(
        self,
        client: Callable[[], Mapping[str, Any]],
        intake: Intake,
        notes: Callable[[], Notes],
    ) -> None:
        self._client = client
        self._intake = intake
        self._notes = notes

    async def reach_of(self, state: str) -> tuple[int, int]:
        """Where a state's learner began its log and how far it had come; (-1, 0) if it is new."""
        extent = (await self._notes().read()).get(f"{LEARNER}{state}", NEVER)
        return extent.beginning, extent.end

    async def note_reach(self, state: str, began: int, reached: int) -> None:
        """Note that for whoever has the partition next."""
        await self._notes().write({f"{LEARNER}{state}": Extent(began, reached)})

    async def end_of(self, topic: str, partition: int) -> int:
        """The offset after the last record of a partition."""
        tp = TopicPartition(topic, partition)
        return (await self._notes().extents([tp]))[tp].end

    def committed(self, topic: str, partition: int) -> int:
        """What the group has committed of a partition this worker owns, else 0."""
        feed = self._intake.feeds.get(TP(topic, partition))
        return 0 if feed is None else feed.ledger.committed.offset

    async def replay(
        self, topic: str, partition: int, start: int, end: int
    ) -> AsyncIterator[Chunk]:
        """The records from `start` up to `end`, in order.

        Raises:
            LostStateError: retention has removed the first of them.
        """
        if start >= end:
            return
        tp = TopicPartition(topic, partition)
        consumer = AIOKafkaConsumer(
            **self._client(), enable_auto_commit=False, max_poll_records=REPLAY_RECORDS
        )
        await consumer.start()
        try:
            consumer.assign([tp])
            beginning = (await consumer.beginning_offsets([tp]))[tp]
            if beginning > start:
                raise LostStateError(
                    f"A learner of {topic}/{partition} has learnt up to offset {start} and must "
                    f"catch up to {end}, but retention has removed what lies before {beginning}. "
                    "Raise the topic's retention.ms; give the learner a new version to begin anew."
                )
            consumer.seek(tp, start)
            while await consumer.position(tp) < end:
                fetched = await consumer.getmany(tp, timeout_ms=POLL_MS)
                records = [record for record in fetched.get(tp, ()) if record.offset < end]
                if records:
                    yield chunk_of(TP(topic, partition), records)
        finally:
            await consumer.stop()
