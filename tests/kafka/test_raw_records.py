"""What the client's compiled decoder gives is passed through, for the topics that are wanted so."""

from __future__ import annotations

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from faust.types.tuples import TP

from aimass_stream.kafka.intake import chunk_of
from aimass_stream.kafka.raw_records import pass_raw_records
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.topics import TopicPlan, create_topics

pytestmark = pytest.mark.kafka

COUNT = 50


async def test_raw_records_make_the_same_chunk(broker_url: str, topic_name: str) -> None:
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
        pass_raw_records(consumer._fetcher, lambda topic: topic == raw)
        consumer.assign([TopicPartition(raw, 0), TopicPartition(plain, 0)])
        held: dict[str, list[object]] = {raw: [], plain: []}
        while min(map(len, held.values())) < COUNT:
            for tp, records in (await consumer.getmany(timeout_ms=1000)).items():
                held[tp.topic] += records
    finally:
        await consumer.stop()
    assert not any(isinstance(record, ConsumerRecord) for record in held[raw])
    assert all(isinstance(record, ConsumerRecord) for record in held[plain])
    ours, theirs = (chunk_of(TP("same", 0), held[topic]) for topic in (raw, plain))
    assert ours.offsets == theirs.offsets
    assert ours.timestamps_ms == theirs.timestamps_ms
    assert ours.keys == theirs.keys
    assert ours.values == theirs.values
    assert [list(each) for each in ours.headers] == [list(each) for each in theirs.headers]
