"""Reading topics from outside any consumer group: for oracles, watching and checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError
from faust.types.tuples import TP

from aimass_stream.kafka.columns import chunk_of
from aimass_stream.kafka.record_batches import read_odd_names
from aimass_stream.kafka.topics import unreachable
from aimass_stream.records import Chunk

Offsets = dict[tuple[str, int], int]
"""Offsets by topic and partition."""


def bootstrap_servers(url: str) -> list[str]:
    """`host:port` of every broker of a `kafka://` URL."""
    _, _, rest = url.rpartition("://")
    return [part.strip("/") for part in rest.split(",") if part]


class TopicReader:
    """Reads whole topics, each partition from an offset on; commits nothing.

    Args:
        url: the broker, as in `AIMASS_BROKER`.
        topics: topics to read; they must exist.

    Use as an async context manager.
    """

    def __init__(self, url: str, topics: Iterable[str]) -> None:
        self._client = {"bootstrap_servers": bootstrap_servers(url)}
        self._topics = list(topics)
        self._consumer: AIOKafkaConsumer | None = None

    async def __aenter__(self) -> Self:
        """Connect and stand at the beginning of every partition.

        Raises:
            BrokerError: the broker cannot be reached.
        """
        read_odd_names()
        consumer = AIOKafkaConsumer(
            **self._client,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            metadata_max_age_ms=5_000,
        )
        try:
            await consumer.start()
        except KafkaConnectionError as error:
            await consumer.stop()
            raise unreachable(self._client) from error
        self._consumer = consumer
        partitions = [
            TopicPartition(topic, partition)
            for topic in self._topics
            for partition in await self._partitions_of(topic)
        ]
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self._connected.stop()

    @property
    def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("use the reader as an async context manager")
        return self._consumer

    async def _partitions_of(self, topic: str) -> list[int]:
        client = self._connected._client  # noqa: SLF001 - the only way to ask for one topic anew
        await client.add_topic(topic)
        return sorted(self._connected.partitions_for_topic(topic) or ())

    async def poll(self, timeout_ms: int = 200) -> list[Chunk]:
        """What arrived, at least one chunk unless the time runs out."""
        fetched: Mapping[Any, Any] = await self._connected.getmany(timeout_ms=timeout_ms)
        return [
            chunk_of(TP(tp.topic, tp.partition), records)
            for tp, records in fetched.items()
            if records
        ]

    async def end_offsets(self) -> Offsets:
        """The offset after the last record of every partition."""
        ends = await self._connected.end_offsets(self._connected.assignment())
        return {(tp.topic, tp.partition): offset for tp, offset in ends.items()}

    async def start_offsets(self) -> Offsets:
        """The offset of the first record that every partition still holds."""
        starts = await self._connected.beginning_offsets(self._connected.assignment())
        return {(tp.topic, tp.partition): offset for tp, offset in starts.items()}

    async def position(self, topic: str, partition: int) -> int:
        """The offset that is read next."""
        return int(await self._connected.position(TopicPartition(topic, partition)))

    async def remains(self, ends: Offsets) -> bool:
        """Whether some partition has not been read to where it ended."""
        return any([await self.position(*place) < end for place, end in ends.items() if end])

    def seek(self, offsets: Offsets) -> None:
        """Go on from these offsets."""
        for (topic, partition), offset in offsets.items():
            self._connected.seek(TopicPartition(topic, partition), offset)
