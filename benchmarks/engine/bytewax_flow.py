"""Bytewax: a dataflow over whole batches of its Kafka source, with a recovery store."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from benchmarks.engine.workload import BATCH_ROWS, answer_batch
from benchmarks.place import Place


def answer(records: list[KafkaSinkMessage]) -> Iterable[KafkaSinkMessage]:
    """Answer a batch as the source read it, each answer under its record's key."""
    answers = answer_batch([record.value for record in records])
    return [
        KafkaSinkMessage(record.key, value) for record, value in zip(records, answers, strict=True)
    ]


def main() -> None:
    """Answer records for as long as the process lives."""
    place = Place.from_env()
    flow = Dataflow("bench")
    source = KafkaSource([place.server], [place.source], batch_size=BATCH_ROWS)
    records = op.input("events", flow, source)
    answers = op.flat_map_batch("answer", records, answer)
    sink = KafkaSink([place.server], place.answers, {"acks": "all", "batch.size": "900000"})
    op.output("answers", answers, sink)
    init_db_dir(place.state, 1)
    cli_main(
        flow,
        epoch_interval=timedelta(seconds=1),
        recovery_config=RecoveryConfig(place.state),
    )


if __name__ == "__main__":
    main()
