"""The asyncio floor: `getmany`, the job, `send_batch` with keys and headers, a commit a second.

At-least-once: offsets are committed after the answers before them are acknowledged by all
replicas. No outcomes, no dead letters, no isolation of a bad record.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.engine.workload import BATCH_ROWS, answer_batch


def headers_of(record: Any, with_headers: bool) -> list[tuple[str, bytes]]:  # noqa: FBT001 - one of two contestants
    """The four headers our engine writes on every answer."""
    if not with_headers:
        return []
    source = f"{record.topic}/{record.partition}/{record.offset}".encode()
    return [
        ("aimass-source", source),
        ("aimass-root", source),
        ("aimass-model", b"linear@1"),
        ("aimass-id", b"0123456789abcdef01234567"),
    ]


async def run(server: str, source: str, answers: str, group: str, with_headers: bool) -> None:  # noqa: FBT001 - one of two contestants
    """Answer records for as long as the process lives."""
    consumer = AIOKafkaConsumer(
        source,
        bootstrap_servers=server,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_records=1024,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=server, acks="all", enable_idempotence=True, max_batch_size=900_000
    )
    await consumer.start()
    await producer.start()
    committed_at = time.monotonic()
    while True:
        fetched = await consumer.getmany(timeout_ms=1000)
        deliveries = []
        for tp, records in fetched.items():
            for first in range(0, len(records), BATCH_ROWS):
                batch = await send(
                    producer, answers, tp, records[first : first + BATCH_ROWS], with_headers
                )
                deliveries.append(batch)
        await asyncio.gather(*deliveries)
        if time.monotonic() - committed_at > 1:
            await consumer.commit()
            committed_at = time.monotonic()


async def send(
    producer: AIOKafkaProducer,
    topic: str,
    tp: TopicPartition,
    records: Sequence[Any],
    with_headers: bool,  # noqa: FBT001 - one of two contestants
) -> Any:
    """Answer one batch; the future says when it is delivered."""
    batch = producer.create_batch()
    for record, value in zip(records, answer_batch([r.value for r in records]), strict=True):
        batch.append(
            timestamp=record.timestamp,
            key=record.key,
            value=value,
            headers=headers_of(record, with_headers),
        )
    batch.close()
    return await producer.send_batch(batch, topic, partition=tp.partition)


if __name__ == "__main__":
    SERVER, SOURCE, ANSWERS, GROUP, HEADERS = sys.argv[1:]
    asyncio.run(run(SERVER, SOURCE, ANSWERS, GROUP, HEADERS == "headers"))
