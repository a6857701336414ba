"""Topics of a benchmark: filled quickly, counted from outside any consumer group, thrown away."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient

from aimass_stream.kafka.messages import Message, Messages
from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.topics import TopicPlan, create_topics
from aimass_stream.records import Record

_ROWS_AT_ONCE = 4_000

Row = tuple[bytes, bytes]
"""Key and value."""


async def make_topic(
    url: str, name: str, partitions: int, config: Mapping[str, str] | None = None
) -> None:
    """Create a topic that is not there yet."""
    plan = TopicPlan(name, partitions) if config is None else TopicPlan(name, partitions, config)
    await create_topics({"bootstrap_servers": bootstrap_servers(url)}, [plan], 1)


async def drop_topics(url: str, prefix: str) -> None:
    """Delete every topic whose name begins so, to give its disk space back."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers(url))
    await admin.start()
    try:
        names = [name for name in await admin.list_topics() if name.startswith(prefix)]
        if names:
            await admin.delete_topics(names)
    finally:
        await admin.close()


async def fill(url: str, topic: str, partitions: int, rows: Iterable[Row], count: int) -> None:
    """Create a topic and put rows on its partitions in turn; one that is full stays as it is."""
    await make_topic(url, topic, partitions)
    if await count_records(url, topic) >= count:
        return
    print(f"Producing {count:,} records to {topic} ...", flush=True)
    async with Sender(url, max_bytes=16 * 2**20) as sender:
        waiting = defaultdict[tuple[str, int], Messages](Messages)
        for number, (key, value) in enumerate(rows):
            message: Message = (time.time_ns() // 1_000_000, key, value, [])
            waiting[topic, number % partitions].append(message)
            if (number + 1) % _ROWS_AT_ONCE == 0:
                await sender.deliver(waiting)
                waiting.clear()
        await sender.deliver(waiting)


async def count_records(url: str, topic: str) -> int:
    """Records on a topic that nothing was deleted from."""
    async with counting(url, topic) as reader:
        return await total(reader)


@asynccontextmanager
async def counting(url: str, *topics: str) -> AsyncIterator[TopicReader]:
    """A reader that is only asked where topics end."""
    async with TopicReader(url, topics) as reader:
        yield reader


async def total(reader: TopicReader) -> int:
    """Records on the reader's topics."""
    return sum((await reader.end_offsets()).values())


async def read_all(url: str, topic: str) -> list[Record]:
    """Every record of a topic."""
    records: list[Record] = []
    async with TopicReader(url, [topic]) as reader:
        count = await total(reader)
        while len(records) < count:
            for chunk in await reader.poll():
                records += chunk.records(Record)
    return records
