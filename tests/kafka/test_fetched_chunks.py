"""A fetch gives chunks for the topics that are wanted so, with what records would have said."""

from __future__ import annotations

import gc
import struct
from collections.abc import Sequence
from functools import reduce

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from faust.types.tuples import TP

from aimass_stream.kafka.checksums import crc32c
from aimass_stream.kafka.columns import chunk_of
from aimass_stream.kafka.fetched_chunks import Unread, fetch_chunks
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.record_batches import LenientRecords
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.topics import TopicPlan, create_topics
from aimass_stream.records import Chunk

COUNT = 50
FETCHES = 5
PRODUCER = 7


@pytest.mark.kafka
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


@pytest.mark.kafka
async def test_what_was_fetched_is_gone_when_it_was_taken(broker_url: str, topic_name: str) -> None:
    servers, place = bootstrap_servers(broker_url), TopicPartition(topic_name, 0)
    await create_topics({"bootstrap_servers": servers}, [TopicPlan(topic_name, 1)], 1)
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest")
    await consumer.start()
    gc.collect()
    gc.disable()
    try:
        fetch_chunks(consumer._fetcher, lambda topic: True)
        consumer.assign([place])
        async with Sender(broker_url) as sender:
            for number in range(FETCHES):
                await sender.send(topic_name, b"%d" % number)
                while not (await consumer.getmany(timeout_ms=1000)).get(place):
                    pass
        held = sum(type(one) is PartitionRecords for one in gc.get_objects())
    finally:
        gc.enable()
        await consumer.stop()
    assert held <= 1, "the last one at the most"


def batch(
    first: int, kind: str, *, compression_type: int = 0, offsets: Sequence[int] = (0, 1, 2, 4)
) -> bytes:
    """A batch of records (the third offset is a hole) as it lies in the log at offset `first`."""
    transactional = int(kind in {"transaction", "abort", "commit"})
    builder = DefaultRecordBatchBuilder(
        2,
        compression_type,
        is_transactional=transactional,
        producer_id=PRODUCER if transactional else -1,
        producer_epoch=0,
        base_sequence=0,
        batch_size=100_000,
    )
    if kind in {"abort", "commit"}:
        marker = struct.pack(">hh", 0, int(kind == "commit"))
        builder.append(0, timestamp=5, key=marker, value=b"", headers=[])
    else:
        for offset in offsets:
            name = "odd!" if kind == "odd" and offset else "even"
            value = b"%s %d" % (kind.encode(), first + offset)
            builder.append(offset, timestamp=5, key=None, value=value, headers=[(name, b"h")])
    whole = bytearray(builder.build().replace(b"odd!", b"a\xff\xe9b"))
    struct.pack_into(">q", whole, 0, first)
    if kind in {"abort", "commit"}:
        whole[22] |= 0x20  # a batch of control records
    struct.pack_into(">I", whole, 17, crc32c(whole[21:]))
    return bytes(whole)


LOG = b"".join(
    [
        batch(0, "plain"),
        batch(10, "transaction"),
        batch(20, "abort"),
        batch(30, "odd"),
        batch(40, "odd"),
        batch(50, "transaction"),
        batch(60, "commit"),
        batch(70, "plain", compression_type=1),
        batch(80, "commit"),
    ]
)


def unread(data: bytes, start: int, isolation_level: int) -> PartitionRecords:
    """A fetch from `start`, as the client holds it before anybody has asked for a record."""
    place = TopicPartition("t", 0)
    aborted = [(PRODUCER, 10)]
    return PartitionRecords(
        place, LenientRecords(data), aborted, start, None, None, True, isolation_level
    )


@pytest.mark.parametrize("start", [0, 2, 3, 13, 32, 44, 85])
@pytest.mark.parametrize("isolation_level", [READ_UNCOMMITTED, READ_COMMITTED])
@pytest.mark.parametrize("max_records", [None, 1, 3, 4, 100])
def test_chunks_hold_the_records_that_the_client_would_give(
    start: int, isolation_level: int, max_records: int | None
) -> None:
    theirs = unread(LOG, start, isolation_level)
    wanted = [(record.offset, record.value, list(record.headers)) for record in theirs]
    ours = Unread(TP("t", 0), unread(LOG, start, isolation_level))
    found: list[tuple[object, ...]] = []
    while len(chunk := ours.take(max_records)):
        assert ours.next_fetch_offset > chunk.offsets[-1]
        found += zip(chunk.offsets, chunk.values, map(list, chunk.headers), strict=True)
        if max_records is None:
            break
    assert found == wanted
    assert ours.next_fetch_offset == theirs.next_fetch_offset == 81


def test_a_damaged_batch_is_refused_behind_what_was_whole() -> None:
    damaged = bytearray(LOG)
    damaged[-1] ^= 1
    ours = Unread(TP("t", 0), unread(bytes(damaged), 0, READ_UNCOMMITTED))
    taken = sum(len(ours.take(4)) for _ in range(6))
    assert taken == 24
    with pytest.raises(CorruptRecordException, match="t/0"):
        ours.take(4)
