"""Quix Streams: a streaming dataframe, which is handed one record after another.

Its count windows need state for each key and cost more than they gain here.
"""

from __future__ import annotations

from quixstreams import Application

from benchmarks.engine.workload import answer_one
from benchmarks.place import Place


def main() -> None:
    """Answer records for as long as the process lives."""
    place = Place.from_env()
    app = Application(
        broker_address=place.server,
        consumer_group=place.group,
        auto_offset_reset="earliest",
        commit_interval=1.0,
        producer_extra_config={"acks": "all", "linger.ms": 5, "batch.size": 900_000},
        state_dir=place.state,
        use_changelog_topics=False,
        loglevel="ERROR",
    )
    events = app.topic(place.source, key_deserializer="bytes", value_deserializer="bytes")
    answers = app.topic(place.answers, key_serializer="bytes", value_serializer="bytes")
    app.dataframe(events).apply(answer_one).to_topic(answers)
    app.run()


if __name__ == "__main__":
    main()
