"""The asyncio floor: `getmany`, the job, `send_batch` with keys, a commit a second.

    python -m benchmarks.engine.aiokafka_loop [--headers] [--rows 256] [--wait-ms 0]

At-least-once: offsets are committed after the answers before them are acknowledged by all
replicas. No outcomes, no dead letters, no isolation of a bad record.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.engine.workload import BATCH_ROWS, answer_batch, engine_headers
from benchmarks.place import Place

POLL_RECORDS = 1024


@dataclass(frozen=True)
class Shape:
    """How the loop batches, and whether answers carry our engine's headers."""

    headers: bool
    rows: int
    wait_s: float


class Loop:
    """A consumer, a producer and the job between them."""

    def __init__(self, place: Place, shape: Shape) -> None:
        self._shape = shape
        self._answers = place.answers
        self._consumer = AIOKafkaConsumer(
            place.source,
            bootstrap_servers=place.server,
            group_id=place.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=POLL_RECORDS,
        )
        self._producer = AIOKafkaProducer(
            bootstrap_servers=place.server,
            acks="all",
            enable_idempotence=True,
            max_batch_size=900_000,
        )

    async def run(self) -> None:
        """Answer records for as long as the process lives."""
        await self._consumer.start()
        await self._producer.start()
        committed_at = time.monotonic()
        while True:
            rows = self._shape.rows
            deliveries = [
                await self._send(tp, records[first : first + rows])
                for tp, records in (await self._gather()).items()
                for first in range(0, len(records), rows)
            ]
            await asyncio.gather(*deliveries)
            if time.monotonic() - committed_at > 1:
                await self._consumer.commit()
                committed_at = time.monotonic()

    async def _gather(self) -> Mapping[TopicPartition, Sequence[Any]]:
        """What there is; with a wait, what comes within it, or the rows of a batch."""
        found: dict[TopicPartition, list[Any]] = dict(await self._consumer.getmany(timeout_ms=1000))
        ends_at = time.monotonic() + self._shape.wait_s
        while found and (left_s := ends_at - time.monotonic()) > 0:
            if sum(map(len, found.values())) >= self._shape.rows:
                break
            more = await self._consumer.getmany(timeout_ms=max(1, int(left_s * 1000)))
            for tp, records in more.items():
                found.setdefault(tp, []).extend(records)
        return found

    async def _send(self, tp: TopicPartition, records: Sequence[Any]) -> Awaitable[Any]:
        """Answer one batch; the future says when it is delivered."""
        batch = self._producer.create_batch()
        answers = answer_batch([record.value for record in records])
        for record, value in zip(records, answers, strict=True):
            batch.append(
                timestamp=record.timestamp,
                key=record.key,
                value=value,
                headers=self._headers_of(record),
            )
        batch.close()
        delivery: Awaitable[Any] = await self._producer.send_batch(
            batch, self._answers, partition=tp.partition
        )
        return delivery

    def _headers_of(self, record: Any) -> list[tuple[str, bytes]]:
        if not self._shape.headers:
            return []
        return engine_headers(record.topic, record.partition, record.offset)


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--headers", action="store_true")
    parser.add_argument("--rows", type=int, default=BATCH_ROWS)
    parser.add_argument("--wait-ms", type=float, default=0.0)
    options = parser.parse_args()
    shape = Shape(options.headers, options.rows, options.wait_ms / 1000)
    asyncio.run(_run(Place.from_env(), shape))


async def _run(place: Place, shape: Shape) -> None:
    await Loop(place, shape).run()


if __name__ == "__main__":
    main()
