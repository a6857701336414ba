"""A fetch gives chunks for the topics that are wanted so, with what records would have said."""

from __future__ import annotations

from functools import reduce

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from faust.types.tuples import TP

from aimass_stream.kafka.fetched_chunks import fetch_chunks
from aimass_stream.kafka.intake import chunk_of
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.topics import TopicPlan, create_topics
from aimass_stream.records import Chunk

pytestmark = pytest.mark.kafka

COUNT = 50


async def test_a_fetched_chunk_is_what_records_make(broker_url: str, topic_name: str) -> None:
    raw, plain = f"{topic_name}.raw", f"{topic_name}.plain"
    servers = bootstrap_servers(broker_url)
    plans = [TopicPlan(raw, 1), TopicPlan(plain, 1)]
    await create_topics({"bootstrap_servers": servers}, plans, 1)
    async with Sender(broker_url) as sender:
        for number in range(COUNT):
            for topic in (raw, plain):
                await sender.send(
                    topic,
                    None if number % 7 == 3 else b"v%d" % number,
                    key=None if number % 7 == 5 else b"k%d" % number,
                    headers=[("n", b"%d" % number)] if number % 2 else (),
                    timestamp_ms=1_700_000_000_000 + number,
                )
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        fetch_chunks(consumer._fetcher, lambda topic: topic == raw)
        consumer.assign([TopicPartition(raw, 0), TopicPartition(plain, 0)])
        chunks: list[Chunk] = []
        plain_records: list[ConsumerRecord] = []
        while min(sum(map(len, chunks)), len(plain_records)) < COUNT:
            for tp, fetched in (await consumer.getmany(timeout_ms=1000, max_records=8)).items():
                assert len(fetched) <= 8
                if tp.topic == raw:
                    assert isinstance(fetched, Chunk)
                    chunks.append(fetched)
                else:
                    plain_records += fetched
        assert await consumer.position(TopicPartition(raw, 0)) == COUNT
    finally:
        await consumer.stop()
    assert all(isinstance(record, ConsumerRecord) for record in plain_records)
    ours, theirs = reduce(Chunk.join, chunks), chunk_of(TP(plain, 0), plain_records)
    assert (ours.topic, ours.partition) == (raw, 0)
    assert ours.offsets == theirs.offsets == [*range(COUNT)]
    assert ours.timestamps_ms == theirs.timestamps_ms
    assert ours.keys == theirs.keys
    assert ours.values == theirs.values
    assert [list(each) for each in ours.headers] == [list(each) for each in theirs.headers]
