"""The native floor: confluent-kafka's `consume` and `produce`, the job between them.

    python -m benchmarks.engine.librdkafka_loop [--headers]

At-least-once: once a second everything produced is flushed, then the offsets are committed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from confluent_kafka import Consumer, KafkaException, Message, Producer

from benchmarks.engine.workload import BATCH_ROWS, answer_batch, engine_headers
from benchmarks.place import Place


class Loop:
    """A consumer, a producer and the job between them."""

    def __init__(self, place: Place, *, headers: bool) -> None:
        self._answers = place.answers
        self._headers = headers
        self._failed: Exception | None = None
        self._consumer = Consumer(
            {
                "bootstrap.servers": place.server,
                "group.id": place.group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        self._producer = Producer(
            {
                "bootstrap.servers": place.server,
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 5,
                "batch.size": 900_000,
                "queue.buffering.max.messages": 1_000_000,
                # A callback for each delivered record would cost more than producing it.
                "delivery.report.only.error": True,
            }
        )
        self._consumer.subscribe([place.source])

    def run(self) -> None:
        """Answer records for as long as the process lives."""
        committed_at = time.monotonic()
        uncommitted = False
        while True:
            records = self._consumer.consume(BATCH_ROWS, timeout=0.1)
            if records:
                self._answer(records)
                uncommitted = True
            if uncommitted and time.monotonic() - committed_at > 1:
                self._producer.flush()
                if self._failed is not None:
                    raise self._failed
                self._consumer.commit(asynchronous=False)
                committed_at, uncommitted = time.monotonic(), False

    def _answer(self, records: Sequence[Message]) -> None:
        for record in records:
            if (error := record.error()) is not None:
                raise KafkaException(error)
        answers = answer_batch([record.value() for record in records])
        if self._headers:
            self._produce_with_headers(records, answers)
        else:
            self._produce(records, answers)
        self._producer.poll(0)

    def _produce(self, records: Sequence[Message], answers: Sequence[bytes]) -> None:
        messages = [
            {"value": value, "key": record.key(), "partition": record.partition()}
            for record, value in zip(records, answers, strict=True)
        ]
        if self._producer.produce_batch(self._answers, messages, on_delivery=self._note) < len(
            messages
        ):
            raise BufferError("the producer's queue is full")

    def _produce_with_headers(self, records: Sequence[Message], answers: Sequence[bytes]) -> None:
        # `produce_batch` takes no headers.
        produce, topic, note = self._producer.produce, self._answers, self._note
        for record, value in zip(records, answers, strict=True):
            partition = record.partition()
            headers = engine_headers(record.topic(), partition, record.offset())
            produce(topic, value, record.key(), partition, note, headers=headers)

    def _note(self, error: object, _record: object) -> None:
        if error is not None:
            self._failed = KafkaException(error)


if __name__ == "__main__":
    Loop(Place.from_env(), headers="--headers" in sys.argv).run()
