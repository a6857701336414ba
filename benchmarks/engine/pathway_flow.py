"""Pathway: raw Kafka tables with a batched UDF between them, and persistence on disk."""

from __future__ import annotations

import pathway as pw

from benchmarks.engine.workload import BATCH_ROWS, answer_batch
from benchmarks.place import Place

BACKLOG = 50_000
"""Its documentation asks for a bound where a topic is read faster than it is worked off."""


def answer(values: list[bytes]) -> list[bytes]:
    """Answer a batch of values."""
    return answer_batch(values)


def main() -> None:
    """Answer records for as long as the process lives."""
    place = Place.from_env()
    client = {"bootstrap.servers": place.server}
    events = pw.io.kafka.read(
        {**client, "group.id": place.group, "auto.offset.reset": "earliest"},
        topic=place.source,
        format="raw",
        autogenerate_key=True,
        autocommit_duration_ms=100,
        max_backlog_size=BACKLOG,
        name="events",
    )
    answered = pw.udf(answer, max_batch_size=BATCH_ROWS, deterministic=True)(pw.this.data)
    answers = events.select(key=pw.this.key, value=answered)
    pw.io.kafka.write(
        answers,
        {**client, "acks": "all", "linger.ms": "5", "batch.size": "900000"},
        place.answers,
        format="raw",
        key=answers.key,
        value=answers.value,
    )
    pw.run(
        monitoring_level=pw.MonitoringLevel.NONE,
        persistence_config=pw.persistence.Config(
            pw.persistence.Backend.filesystem(place.state), snapshot_interval_ms=1000
        ),
        max_expression_batch_size=BATCH_ROWS,
    )


if __name__ == "__main__":
    main()
